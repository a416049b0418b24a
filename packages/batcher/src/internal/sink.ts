/**
 * The sink of rows: a load of one target, as its options say.
 *
 * It knows no row (that is `encode`). Called by `BulkSink` and `BulkCopy`.
 *
 * @internal
 */
import type { Database } from "@sluice/core/Database"
import { refuse } from "@sluice/core/Options"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Sink from "effect/Sink"
import type { BatchError } from "../BatchError.js"
import type { Report, Settings } from "../BulkSink.js"
import * as Loading from "./loading.js"
import { limit, oneOf } from "./options.js"

/** Where rows go, and how one becomes values. */
export interface Target {
  readonly table: string
  readonly columns: ReadonlyArray<string>
  readonly encode: Loading.Settings["encode"]
}

/** A sink of rows into a target. */
export const sink = (db: Database, settings: Settings, target: Target): Sink.Sink<Report, object, never, BatchError | SqlError.SqlError> =>
  Sink.unwrapScoped(Effect.gen(function*() {
    const loading = yield* Loading.open(db, yield* checked(db, settings, target))
    return Sink.mapEffect(Sink.forEachChunk(loading.push), () => loading.finish)
  }))

const checked = (db: Database, settings: Settings, { columns, encode, table }: Target): Either.Either<Loading.Settings, SqlError.SqlError> =>
  Either.gen(function*() {
    const index = columns.findIndex((column, i) => column.length === 0 || columns.indexOf(column) !== i)
    if (index >= 0) yield* refuse(`columns[${index}]`, columns[index] === "" ? "is empty" : `is there already: ${columns[index]}`)
    const transaction = yield* oneOf("transaction", settings.transaction, ["chunk", "all"], "chunk")
    const { capabilities: { transactions }, name } = db.dialect
    if (!transactions && transaction === "all") {
      yield* Either.left(
        SqlError.make(new Reason.UnsupportedError({ message: `${name} has no transactions: transaction must be "chunk"`, capability: "transactions" }))
      )
    }
    return {
      target: { table, columns, onConflict: yield* oneOf("onConflict", settings.onConflict, ["error", "ignore", "replace"], "error") },
      encode,
      transaction: transactions ? transaction : "none",
      chunkSize: yield* limit("chunkSize", settings.chunkSize, 10_000),
      onProgress: settings.onProgress
    }
  })
