/**
 * A stock connection that stands for a scope of ours: what `reserve` gives, and what the stock transaction tag
 * carries, so that stock code which forwards only that tag stays in our transaction.
 *
 * @internal
 */
import type * as StockConnection from "@effect/sql/SqlConnection"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Client } from "./client.js"
import type { Scope } from "./scope.js"
import { StatementImpl } from "./statement.js"

type Rows = ReadonlyArray<object>
type Transform = (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined

/** The stock connection of a scope. Names are transformed by whoever calls, as the stock contract has it. */
export const adapter = (client: Client, scope: Scope): StockConnection.Connection => {
  const plain: Client = { ...client, transformName: undefined, transformRows: undefined }
  const statement = (sql: string, params: ReadonlyArray<unknown>) =>
    new StatementImpl<object>(plain, { segments: [{ _tag: "Literal", value: sql, params }] }, {}, scope)
  const shaped = (transform: Transform) => (rows: Rows) => transform === undefined ? rows : transform(rows)
  const connection: StockConnection.Connection = {
    execute: (sql, params, transform) => Effect.map(statement(sql, params), shaped(transform)),
    executeRaw: (sql, params) => statement(sql, params).raw,
    executeStream: (sql, params, transform) =>
      Stream.mapChunks(statement(sql, params).stream, (chunk) => transform === undefined ? chunk : Chunk.unsafeFromArray(transform(Chunk.toReadonlyArray(chunk)))),
    executeValues: (sql, params) => statement(sql, params).values,
    executeUnprepared: (sql, params, transform) => Effect.map(statement(sql, params).unprepared, shaped(transform))
  }
  client.adapters.set(connection, scope)
  return connection
}
