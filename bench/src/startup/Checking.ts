/**
 * Checking: what the compiler takes for an app on Sluice, beside the same app on the stock packages (`apps`).
 *
 * Both compilers, a user's options, no incremental build.
 */
import * as Effect from "effect/Effect"
import type { Measurement } from "../Measurement.js"
import { interleaved } from "../Rounds.js"
import { aim, costlier, factor, none } from "../Table.js"
import * as Child from "../Child.js"
import { cost } from "./cost.js"

const options = [
  "--noEmit", "--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "--target", "ES2023", "--lib", "ES2023,ESNext.Disposable",
  "--module", "NodeNext", "--types", "node"
]

const compilers = {
  "TypeScript 5.9": ["node_modules/typescript5/bin/tsc"],
  // The other one does not know this, and never reads a tsconfig.json beside files.
  "TypeScript 7": ["node_modules/typescript/bin/tsc", "--ignoreConfig"]
} as const

export const checking: Measurement<{}> = {
  name: "check",
  run: ({ rounds }) =>
    Effect.forEach(Object.entries(compilers), ([name, [compiler, ...more]]) =>
      Effect.gen(function*() {
        const check = (app: string) => Child.running(compiler, [...more, ...options, `bench/src/startup/apps/${app}.ts`])
        yield* check("ours")
        const samples = yield* interleaved(rounds, { ours: check("ours"), stock: check("stock") })
        const ratio = costlier(samples.ours, samples.stock)
        return {
          work: `type-check of an app, ${name}`,
          ours: cost(samples.ours),
          direct: none,
          stock: cost(samples.stock),
          toDirect: none,
          toStock: factor(ratio),
          aim: aim("< 1.3 × stock in CPU", ratio < 1.3)
        }
      }))
}
