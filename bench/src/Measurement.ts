/**
 * A measurement: some lines of the table, from contenders that took turns.
 *
 * Each has a file of its own; `main` runs them in order.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Data } from "./Data.js"
import type { Line } from "./Table.js"

export interface Settings {
  readonly rounds: number
  readonly rows: number
  /** The file with the rows; it is made when it is first asked for. */
  readonly data: () => Data
  /** A new file's path, in a folder that is deleted at the end. */
  readonly newFile: (name: string) => string
}

export interface Measurement {
  readonly name: string
  readonly run: (settings: Settings) => Effect.Effect<ReadonlyArray<Line>, unknown, Scope.Scope>
}
