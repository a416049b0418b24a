/**
 * The data loaders of a model: which rows go into one statement, and which answer is whose.
 *
 * Who is gathered with whom is `loader`'s to say, how a statement is written that of `rows`. Called by `Repository`.
 *
 * @internal
 */
import type * as Model from "@effect/sql/Model"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Exit from "effect/Exit"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { Scope } from "effect/Scope"
import type { Database } from "../../Database.js"
import { count, millis } from "../../Options.js"
import * as Reason from "../../Reason.js"
import type { DataLoaders, Key, LoaderOptions } from "../../Repository.js"
import * as SqlError from "../../SqlError.js"
import { currentScope, refused } from "../client.js"
import { clientOf } from "../table/sending.js"
import * as Loader from "./loader.js"
import { Codec, verb } from "./repository.js"
import { type Answer, type Row, Rows } from "./rows.js"

/** What one row may be to blame for. Of anything else all of a batch are told. */
const ownFaults = new Set(["UniqueViolation", "ConstraintError", "DataError", "LimitError"])

export const make = <S extends Model.AnyNoContext, K extends Key<S>>(
  db: Database,
  model: S,
  options: LoaderOptions<K>
): Effect.Effect<DataLoaders<S, K>, SqlError.SqlError, Scope> =>
  Effect.gen(function*() {
    const { idColumn, tableName } = options
    const window = yield* millis("window", options.window, 0, "zero")
    const wanted = yield* count("maxBatchSize", options.maxBatchSize, Number.POSITIVE_INFINITY, 1)
    const { maxInsertRows, maxParameters } = db.dialect.limits
    const most = Math.min(wanted, maxParameters)
    const mostRows = Math.min(wanted, maxInsertRows, Math.max(1, Math.floor(maxParameters / Object.keys(model.fields).length)))
    const client = clientOf(db)
    const codec = new Codec(client, model, tableName, idColumn)
    const rows = new Rows(db, tableName, idColumn, /^(Number|BigInt)Keyword$/.test(Schema.encodedSchema(codec.id).ast._tag))

    // A model without services has Schemas without them.
    const encode = (row: unknown) => codec.encode("insert", row) as Effect.Effect<Row, SqlError.SqlError>
    const encodeId = (id: unknown) => codec.encodeId(id) as Effect.Effect<unknown, SqlError.SqlError>
    const decode = (answer: Answer, i: number) => codec.decode(answer.rows[i], i, answer) as Effect.Effect<unknown, SqlError.SqlError>
    const decodeId = ParseResult.decodeUnknownOption(codec.id as Schema.Schema<unknown>)
    const keyOf = (id: unknown) => Option.map(decodeId(id), comparable)

    const loader = <I, A>(kind: "reads" | "writes", most: number, run: Loader.Options<I, A>["run"]) => Loader.make(client, { window, most, writes: kind === "writes", run })
    // In a transaction a failure must leave it as it was, so that each row can be tried alone.
    const guarded = <A>(effect: Effect.Effect<A, SqlError.SqlError>) =>
      Effect.withFiberRuntime<A, SqlError.SqlError>((fiber) => currentScope(client, fiber.currentContext) === undefined ? effect : db.transaction(effect))
    /** All in one statement; if one of them is to blame for its failure, each by itself. */
    const together = <I, A>(inputs: ReadonlyArray<I>, all: (inputs: ReadonlyArray<I>) => Effect.Effect<ReadonlyArray<Exit.Exit<A, SqlError.SqlError>>, SqlError.SqlError>) =>
      inputs.length === 1 ? all(inputs) : Effect.catchIf(guarded(all(inputs)), (error) => ownFaults.has(error.reason._tag), () =>
        Effect.forEach(inputs, (input) =>
          Effect.map(Effect.exit(guarded(all([input]))), Exit.flatMap((exits) => exits[0]!))))

    const insert = yield* loader("writes", mostRows, (inputs: ReadonlyArray<Row>) =>
      together(inputs, (inputs) =>
        Effect.flatMap(rows.insertMany(inputs, keyOf), (answer) =>
          answer.rows.length === inputs.length
            ? Effect.forEach(inputs, (_, i) => Effect.exit(decode(answer, i)))
            : refused(client, SqlError.make(miscounted(tableName, inputs.length, answer)), "decode"))))
    const insertVoid = yield* loader("writes", mostRows, (inputs: ReadonlyArray<Row>) =>
      together(inputs, (inputs) => Effect.map(rows.insertVoid(inputs), () => inputs.map(() => Exit.void))))
    const remove = yield* loader("writes", most, (ids: ReadonlyArray<unknown>) =>
      together(ids, (ids) => Effect.map(rows.delete(ids), () => ids.map(() => Exit.void))))
    const first = (answer: Answer) => answer.rows.length === 0 ? Effect.succeedNone : Effect.asSome(decode(answer, 0))
    const find = yield* loader("reads", most, (asked: ReadonlyArray<Asked>) => {
      const ids = MutableHashMap.fromIterable(asked.map(({ encoded, id }) => [comparable(id), encoded] as const))
      return Effect.gen(function*() {
        const answer = yield* rows.find([...MutableHashMap.values(ids)])
        const found = MutableHashMap.empty<unknown, Exit.Exit<Option.Option<unknown>, SqlError.SqlError>>()
        for (const [i, row] of answer.rows.entries()) {
          const key = keyOf(row[idColumn])
          if (Option.isSome(key) && MutableHashMap.has(ids, key.value)) MutableHashMap.set(found, key.value, yield* Effect.exit(Effect.asSome(decode(answer, i))))
        }
        // Rows of ids that nobody spelled so: the database has another spelling for them, and knows whose they are.
        const isSpelled = MutableHashMap.size(found) === answer.rows.length
        return yield* Effect.forEach(asked, ({ encoded, id }) =>
          Option.match(MutableHashMap.get(found, comparable(id)), {
            onSome: Effect.succeed,
            onNone: () => isSpelled ? Effect.succeed(Exit.succeed(Option.none())) : Effect.exit(Effect.flatMap(rows.find([encoded]), first))
          }))
      })
    })

    const verbs: Loaders = {
      insert: (row) => verb(options, "insert", Effect.flatMap(encode(row), insert)),
      insertVoid: (row) => verb(options, "insertVoid", Effect.flatMap(encode(row), insertVoid)),
      findById: (id) => verb(options, "findById", Effect.flatMap(encodeId(id), (encoded) => find({ id, encoded }))),
      delete: (id) => verb(options, "delete", Effect.flatMap(encodeId(id), remove))
    }
    // What the model's Schema makes is of the model's types.
    return verbs as DataLoaders<S, K>
  })

interface Asked {
  readonly id: unknown
  readonly encoded: unknown
}

interface Loaders {
  readonly insert: (row: unknown) => Effect.Effect<unknown, SqlError.SqlError>
  readonly insertVoid: (row: unknown) => Effect.Effect<void, SqlError.SqlError>
  readonly findById: (id: unknown) => Effect.Effect<Option.Option<unknown>, SqlError.SqlError>
  readonly delete: (id: unknown) => Effect.Effect<void, SqlError.SqlError>
}

/** Bytes are equal only to themselves. */
const comparable = (id: unknown): unknown => id instanceof Uint8Array ? Encoding.encodeHex(id) : id

const miscounted = (table: string, expected: number, { outcome, rows, statement }: Answer): Reason.ResultError =>
  new Reason.ResultError({ message: `inserted ${expected} rows into ${table}, and was answered with ${rows.length}`, expected: `${expected} rows`, found: rows.length, outcome, statement })
