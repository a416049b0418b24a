/**
 * Importing: what an app pays for core before its first line runs, beside @effect/sql alone, which core builds on.
 */
import * as Effect from "effect/Effect"
import type { Measurement } from "../Measurement.js"
import { interleaved } from "../Rounds.js"
import { aim, costlier, factor } from "../Table.js"
import * as Child from "../Child.js"
import { cost } from "./cost.js"

const modules = {
  "import of core": { ours: ["@sluice/core"], direct: ["effect"], stock: ["@effect/sql"] },
  // The stock error loads effect's Schema; every driver has it, and ours is a subclass of it.
  "import of the client and its error": { ours: ["@sluice/core/Database"], direct: ["effect/Effect", "effect/Schema"], stock: ["@effect/sql/SqlClient", "@effect/sql/SqlError"] },
  "import of PostgreSQL": { ours: ["@sluice/postgres"], direct: ["pg"], stock: ["@effect/sql-pg"] },
  "import of MySQL": { ours: ["@sluice/mysql"], direct: ["mysql2"], stock: ["@effect/sql-mysql2"] }
} as const

export const importing: Measurement<{}> = {
  name: "import",
  run: ({ rounds }) =>
    Effect.forEach(Object.entries(modules), ([work, { direct, ours, stock }]) =>
      Effect.gen(function*() {
        // The first one reads the files from the disk.
        yield* Child.importing(...ours)
        const samples = yield* interleaved(rounds, { ours: Child.importing(...ours), direct: Child.importing(...direct), stock: Child.importing(...stock) })
        const ratio = costlier(samples.ours, samples.stock)
        return {
          work,
          ours: cost(samples.ours),
          direct: cost(samples.direct),
          stock: cost(samples.stock),
          toDirect: factor(costlier(samples.ours, samples.direct)),
          toStock: factor(ratio),
          aim: aim("< 1.3 × stock in CPU", ratio < 1.3)
        }
      }))
}
