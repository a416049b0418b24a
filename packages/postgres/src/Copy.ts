/**
 * COPY in both directions, as a Sink and as a Stream. Exported through `Postgres`.
 *
 * The fastest way in and out of a table: no value is parsed or made here but by the verbs of rows. How it goes over the
 * wire is in `internal/copy`.
 *
 * @since 0.1.0
 */
import type * as Database from "@sluice/core/Database"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as SqlScript from "@sluice/core/SqlScript"
import type * as Statement from "@sluice/core/Statement"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { CopyIn, CopyOut } from "./internal/copy.js"
import { read } from "./internal/copyText.js"
import { dialect } from "./internal/dialect.js"
import { hold } from "./internal/holding.js"
import { besideStream, guarded } from "./internal/transactions.js"

/**
 * Where copied data goes: a table, and the columns where it is not all of them; or a COPY … FROM STDIN of your own.
 *
 * @example
 * ```ts
 * import type { Postgres } from "@sluice/postgres"
 *
 * const target: Postgres.CopyTarget = { table: "public.flights", columns: ["origin", "destination"] }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type CopyTarget = string | { readonly table: string; readonly columns?: ReadonlyArray<string> | undefined }

/**
 * Where copied data comes from: a table and its columns, a statement, whose rows it is, or a COPY … TO STDOUT of your own.
 * COPY takes no parameters: neither may the statement.
 *
 * @example
 * ```ts
 * import type { Database } from "@sluice/core"
 * import type { Postgres } from "@sluice/postgres"
 *
 * const late = (db: Database.Database): Postgres.CopySource => ({ query: db`SELECT * FROM flights WHERE delay > 60` })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type CopySource = CopyTarget | { readonly query: Statement.Statement<unknown> }

/**
 * How the data looks. A COPY of your own says it itself, and beside it these are a ConfigError.
 *
 * @example
 * ```ts
 * import type { Postgres } from "@sluice/postgres"
 *
 * const options: Postgres.CopyOptions = { format: "csv", header: true, delimiter: ";" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface CopyOptions {
  /** Default `text`: tabs, line feeds and backslashes. */
  readonly format?: "text" | "csv" | "binary" | undefined
  /** A first line of the columns' names, which is skipped on the way in. Not for binary. Default false. */
  readonly header?: boolean | undefined
  /** One character between values. Default a tab, and a comma for csv. */
  readonly delimiter?: string | undefined
  /** What NULL is written as. Default `\N`, and nothing for csv. */
  readonly null?: string | undefined
}

/**
 * A Sink of bytes into a table; its result is the number of rows.
 *
 * All or nothing: an upstream that fails or is interrupted leaves nothing in the table, and the connection is usable
 * again. It takes no more than the server does. In a transaction the copy is a part of it, and a failure of it fails it
 * for all, unless `statementSavepoints` is on; its other statements are UnsupportedErrors until it has ended, and with
 * them a stream of the same transaction that would feed it. Fails as an INSERT would; `line` and `column` of the reason
 * tell where in the data.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import { Effect, Stream } from "effect"
 * import { createReadStream } from "node:fs"
 *
 * const load = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   const file = Stream.fromAsyncIterable<Uint8Array, unknown>(createReadStream("flights.csv"), (error) => error)
 *   return yield* Stream.run(file, Postgres.copyFrom(db, { table: "flights" }, { format: "csv", header: true }))
 * })
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const copyFrom = (db: Database.Database, target: CopyTarget, options?: CopyOptions): Sink.Sink<number, Uint8Array, never, SqlError.SqlError> =>
  Sink.unwrapScoped(Effect.map(into(db, "copyFrom", target, options), (copy) =>
    Sink.mapEffect(Sink.forEachChunk((chunk: Chunk.Chunk<Uint8Array>) => copy.write(chunk)), () => copy.finish)))

/**
 * A Sink of rows into a table, each an array in the order of the columns; its result is their number.
 *
 * As `copyFrom` otherwise. Values are the ones that parameters may be; one that PostgreSQL cannot hold is a DataError.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import { Effect, Stream } from "effect"
 *
 * const load = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   const rows = Stream.map(Stream.range(1, 1_000_000), (n) => [n, `row ${n}`])
 *   return yield* Stream.run(rows, Postgres.copyRowsFrom(db, { table: "t", columns: ["id", "name"] }))
 * })
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const copyRowsFrom = (
  db: Database.Database,
  target: Exclude<CopyTarget, string>
): Sink.Sink<number, ReadonlyArray<unknown>, never, SqlError.SqlError> =>
  Sink.unwrapScoped(Effect.map(into(db, "copyRowsFrom", target, undefined), (copy) =>
    Sink.mapEffect(Sink.forEachChunk((chunk: Chunk.Chunk<ReadonlyArray<unknown>>) => copy.writeRows(chunk)), () => copy.finish)))

/**
 * The data of a table or a statement, as a Stream of bytes, each element some rows.
 *
 * The server sends no more than is taken. A stream that ends early, or is interrupted, is stopped on the server; in a
 * transaction, whose other statements are UnsupportedErrors until it has ended, the transaction goes on.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import { Effect, Stream } from "effect"
 *
 * const size = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   const csv = Postgres.copyTo(db, { query: db`SELECT * FROM flights` }, { format: "csv", header: true })
 *   return yield* Stream.runFold(csv, 0, (bytes, block) => bytes + block.length)
 * })
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const copyTo = (db: Database.Database, source: CopySource, options?: CopyOptions): Stream.Stream<Uint8Array, SqlError.SqlError> =>
  blocks(db, "copyTo", source, options, (block) => block)

/**
 * The rows of a table or a statement, as arrays of their values' texts, NULL as null.
 *
 * As `copyTo` otherwise. It is the fastest way to read rows of which most is passed on as text.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import { Effect, Stream } from "effect"
 *
 * const origins = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   return yield* Stream.runCollect(Stream.map(Postgres.copyRowsTo(db, { table: "flights" }), ([origin]) => origin))
 * })
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const copyRowsTo = (
  db: Database.Database,
  source: Exclude<CopySource, string>
): Stream.Stream<ReadonlyArray<string | null>, SqlError.SqlError> => Stream.mapConcat(blocks(db, "copyRowsTo", source, undefined, read), (rows) => rows)

const into = (db: Database.Database, verb: string, target: CopyTarget, options: CopyOptions | undefined): Effect.Effect<CopyIn, SqlError.SqlError, Scope.Scope> =>
  Effect.flatMap(command("FROM STDIN", target, options), (sql) =>
    hold(db, verb, (connection) => {
      const refusal = besideStream(connection, { sql, readOnly: false })
      return refusal === undefined ? new CopyIn(connection, sql, "copy").open : Effect.fail(refusal)
    }, guarded))

const blocks = <A>(
  db: Database.Database,
  verb: string,
  source: CopySource,
  options: CopyOptions | undefined,
  read: (block: Uint8Array) => A
): Stream.Stream<A, SqlError.SqlError> =>
  Stream.unwrapScoped(Effect.map(
    // A savepoint makes an early end one of the copy alone.
    Effect.flatMap(command("TO STDOUT", source, options), (sql) =>
      hold(db, verb, (connection) => new CopyOut(connection, sql, "copy").open, (connection, work) => guarded(connection, work, true))),
    (copy) => Stream.repeatEffectChunkOption(Effect.matchEffect(copy.next, {
      onSuccess: (blocks) => blocks.length === 0 ? Effect.fail(Option.none()) : Effect.succeed(Chunk.unsafeFromArray(blocks.map(read))),
      onFailure: (error) => Effect.fail(Option.some(error))
    }))
  ))

// ---- the command ----

// Here the data comes beside the statement, and not behind it.
const lexicon: SqlScript.Lexicon = { ...dialect.lexicon, psqlCommands: false }

const command = (direction: "FROM STDIN" | "TO STDOUT", place: CopySource, options: CopyOptions | undefined): Either.Either<string, SqlError.SqlError> => {
  const { delimiter, format = "text", header = false } = options ?? {}
  if (typeof place === "string") {
    if (options !== undefined) return refuse("options", "a COPY of your own says itself how its data looks")
    // One text goes as a whole: a second statement behind it would run.
    const isOne = !place.includes("\0") && Either.getOrElse(SqlScript.split(place, lexicon), () => []).length === 1
    const pattern = direction === "FROM STDIN" ? /^\s*COPY\b[^]*\bFROM\s+STDIN\b/i : /^\s*COPY\b[^]*\bTO\s+STDOUT\b/i
    return isOne && pattern.test(place) ? Either.right(place) : refuse("statement", `the statement must be one COPY … ${direction}`)
  }
  if (format === "binary" && (header || delimiter !== undefined || options?.null !== undefined)) {
    return refuse("format", "the binary format has no header, no delimiter and no text for NULL")
  }
  const chosen = [
    ...(format === "text" ? [] : [`FORMAT ${format}`]),
    ...(header ? ["HEADER"] : []),
    ...(delimiter === undefined ? [] : [`DELIMITER ${literal(delimiter)}`]),
    ...(options?.null === undefined ? [] : [`NULL ${literal(options.null)}`])
  ]
  return Either.flatMap(subject(place), (subject) => {
    const sql = `COPY ${subject} ${direction}${chosen.length === 0 ? "" : ` (${chosen.join(", ")})`}`
    return sql.includes("\0") ? refuse("statement", "the statement must hold no NUL") : Either.right(sql)
  })
}

const subject = (place: Exclude<CopySource, string>): Either.Either<string, SqlError.SqlError> => {
  if ("query" in place) {
    return Either.flatMap(Either.try({ try: () => place.query.compile(true), catch: SqlError.refine }), ([sql, params]) =>
      params.length === 0 ? Either.right(`(${sql}\n)`) : refuse("query", "COPY takes no parameters: the statement must have none"))
  }
  if (place.columns?.length === 0) return refuse("columns", "columns must name at least one, or be left out")
  const columns = place.columns?.map((name) => `"${name.replaceAll("\"", "\"\"")}"`)
  return Either.right(`${dialect.quoteIdentifier(place.table)}${columns === undefined ? "" : ` (${columns.join(", ")})`}`)
}

const literal = (text: string): string => `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`

const refuse = (field: string, message: string): Either.Either<never, SqlError.SqlError> =>
  Either.left(SqlError.make(new Reason.ConfigError({ message, field, operation: "copy" })))
