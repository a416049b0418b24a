/**
 * A suite: the measurements of one dialect, the data they share, and the head of their table.
 *
 * A dialect's suite is a folder; `main` holds the list. Who adds one copies a folder and adds a line there.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Measurement, Settings } from "./Measurement.js"
import type { Head, Line } from "./Table.js"

/** What a run has measured. */
export interface Report {
  readonly name: string
  readonly head: Head
  readonly versions: ReadonlyArray<string>
  readonly lines: ReadonlyArray<Line>
}

export interface Suite {
  readonly name: string
  readonly measurements: ReadonlyArray<string>
  /** Runs some of its measurements, or says why it cannot. */
  readonly run: (settings: Settings & { readonly folder: string }, chosen: ReadonlyArray<string>) => Effect.Effect<Report | string, unknown>
}

export const make = <Data>(options: {
  readonly name: string
  readonly head: Head
  readonly measurements: ReadonlyArray<Measurement<Data>>
  /** Opens what the measurements share; a text says why that cannot be. */
  readonly open: (settings: Settings & { readonly folder: string }) => Effect.Effect<Data | string, unknown, Scope.Scope>
  readonly versions: (data: Data) => ReadonlyArray<string>
}): Suite => ({
  name: options.name,
  measurements: options.measurements.map(({ name }) => name),
  run: (settings, chosen) =>
    Effect.scoped(Effect.gen(function*() {
      const data = yield* options.open(settings)
      if (typeof data === "string") return data
      const lines = yield* Effect.forEach(options.measurements.filter(({ name }) => chosen.includes(name)), ({ name, run }) =>
        Effect.scoped(Effect.suspend(() => {
          console.error(`${options.name} ${name} …`)
          return run({ ...settings, ...data })
        })))
      return { name: options.name, head: options.head, versions: options.versions(data), lines: lines.flat() }
    }))
})
