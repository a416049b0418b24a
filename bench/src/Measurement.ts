/**
 * A measurement: some lines of the table, from contenders that took turns.
 *
 * Each has a file of its own; its suite runs them in order.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Line } from "./Table.js"

export interface Settings {
  readonly rounds: number
  readonly rows: number
}

export interface Measurement<in Data> {
  readonly name: string
  /** What is opened for it is closed with the scope. */
  readonly run: (settings: Settings & Data) => Effect.Effect<ReadonlyArray<Line>, unknown, Scope.Scope>
}
