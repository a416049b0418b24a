/**
 * A repository: a model's Schemas on both sides of its rows.
 *
 * What is sent is in `rows`. Called by `Repository`.
 *
 * @internal
 */
import type * as Model from "@effect/sql/Model"
import * as Effect from "effect/Effect"
import * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import type { Database } from "../../Database.js"
import * as Reason from "../../Reason.js"
import type { Key, Options, Repository } from "../../Repository.js"
import * as SqlError from "../../SqlError.js"
import * as Telemetry from "../../Telemetry.js"
import { type Client, refused } from "../client.js"
import * as Values from "../codec.js"
import { Misfit, misfitOf, undecoded } from "../decoded.js"
import { clientOf } from "../table/sending.js"
import { type Answer, type Row, Rows } from "./rows.js"

/** A model's Schemas, whose failures are those of a database. Their services are the model's, as its types say. */
export class Codec {
  readonly id: Schema.Schema.Any

  constructor(readonly client: Client, readonly model: Model.Any, readonly table: string, readonly idColumn: string) {
    // The types let nothing else through.
    this.id = model.fields[idColumn] as Schema.Schema.Any
  }

  encode(schema: "insert" | "update", row: unknown): Effect.Effect<Row, SqlError.SqlError, unknown> {
    return this.written(ParseResult.encodeUnknown(this.model[schema])(row), undefined) as Effect.Effect<Row, SqlError.SqlError, unknown>
  }

  encodeId(id: unknown): Effect.Effect<unknown, SqlError.SqlError, unknown> {
    return this.written(ParseResult.encodeUnknown(this.id)(id), this.idColumn)
  }

  decode(row: unknown, index: number, { outcome, statement }: Answer): Effect.Effect<unknown, SqlError.SqlError, unknown> {
    return Effect.catchAll(ParseResult.decodeUnknown(this.model)(row), (issue) =>
      refused(this.client, undecoded(misfitOf(issue), index, { outcome, statement }), "decode"))
  }

  private written<A, R>(encoded: Effect.Effect<A, ParseResult.ParseIssue, R>, column: string | undefined): Effect.Effect<A, SqlError.SqlError, R> {
    return Effect.catchAll(encoded, (issue) => {
      const { cause, column: found, why } = misfitOf(issue)
      const name = column ?? found
      return refused(this.client, SqlError.make(Values.refused(name === undefined ? this.table : `${this.table}.${name}`, new Misfit(name, why, cause))), "encode")
    })
  }
}

/** Runs a verb inside its span, which holds no value (law E4). */
export const verb = <A, E, R>({ spanPrefix, tableName }: Options<string>, name: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Telemetry.spanned(effect, `${spanPrefix ?? tableName}.${name}`, () => ({ attributes: { "db.collection.name": tableName } }))

export const repository = <S extends Model.Any, K extends Key<S>>(db: Database, model: S, options: Options<K>): Repository<S, K> => {
  const { idColumn, tableName } = options
  const client = clientOf(db)
  const codec = new Codec(client, model, tableName, idColumn)
  const rows = new Rows(db, tableName, idColumn)
  const only = (answer: Answer, otherwise: Reason.Outcome) => {
    const [row] = answer.rows
    return row !== undefined && answer.rows.length === 1
      ? codec.decode(row, 0, answer)
      : refused(client, SqlError.make(new Reason.ResultError({
        message: `expected one row of ${tableName} with this ${idColumn}, found ${answer.rows.length}`,
        expected: "one row",
        found: answer.rows.length,
        statement: answer.statement,
        outcome: row === undefined ? otherwise : answer.outcome
      })), "decode")
  }
  const verbs = {
    insert: (row: unknown) => Effect.flatMap(Effect.flatMap(codec.encode("insert", row), (row) => rows.insert(row)), (answer) => only(answer, "applied")),
    insertVoid: (row: unknown) => Effect.asVoid(Effect.flatMap(codec.encode("insert", row), (row) => rows.insertVoid([row]))),
    update: (row: unknown) => Effect.flatMap(Effect.flatMap(codec.encode("update", row), (row) => rows.update(row)), (answer) => only(answer, "not-applied")),
    updateVoid: (row: unknown) => Effect.asVoid(Effect.flatMap(codec.encode("update", row), (row) => rows.updateVoid(row))),
    findById: (id: unknown) =>
      Effect.flatMap(Effect.flatMap(codec.encodeId(id), (id) => rows.find([id])), (answer) =>
        answer.rows[0] === undefined ? Effect.succeedNone : Effect.asSome(codec.decode(answer.rows[0], 0, answer))),
    delete: (id: unknown) => Effect.asVoid(Effect.flatMap(codec.encodeId(id), (id) => rows.delete([id])))
  }
  const spanned = Object.entries(verbs).map(([name, run]) => [name, (input: unknown) => verb<unknown, SqlError.SqlError, unknown>(options, name, run(input))])
  // The Schemas of any model are those of no type; what they make is what the model's types say.
  return Object.fromEntries(spanned) as never
}

