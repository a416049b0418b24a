import type * as SqlClient from "@effect/sql/SqlClient"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"

interface Runner {
  readonly _: unique symbol
}

/** Adds 100, once for each id; what is below zero is refused. */
export const add: (id: string, n: number) => Effect.Effect<number, unknown, Runner>

/** A runner that tells what it was asked to add. */
export const runner: (handled: Array<number>) => Layer.Layer<Runner, unknown, SqlClient.SqlClient>
