/**
 * InsertMerge: makes one INSERT of many rows out of many of one row, and changes the meaning of nothing (law B2).
 *
 * It sends nothing and opens no batch (that is `Batcher`): texts go in, fewer texts come out, in their order. Used by the
 * batcher's `mergeInserts`, and by programs that send by themselves.
 *
 * **What is merged.** Neighbours that insert into the same table and columns in the same way: `INSERT … VALUES`, with `OR
 * IGNORE` and the like, `OVERRIDING`, `ON CONFLICT … DO NOTHING`, and `REPLACE`. Any other statement, and an INSERT into
 * another table, ends a run and keeps its place. What may mean something else in company stays as it is: RETURNING and
 * OUTPUT, `INSERT … SELECT`, DEFAULT VALUES, `DO UPDATE`, subqueries, variables, parameters, and functions whose answer
 * does not depend on their arguments alone, as NOW() and nextval(). Before a statement that asks for the count of rows, the
 * last INSERT goes by itself, and with MySQL before every other statement: LAST_INSERT_ID() would be the key of the first.
 *
 * **What a text cannot tell.** The rows of one statement stand or fall together, where single ones that went before a bad
 * row would stay: send both in a transaction, as the batcher does, and there is no difference. A trigger FOR EACH
 * STATEMENT, and a rule, runs once for all rows; defaults such as now() are evaluated once. MySQL outside of its strict
 * mode takes a NULL for a NOT NULL column as its default in a statement of several rows, and refuses it in one of one; the
 * usual strict mode, too, refuses no value but the first row's in a table without transactions. SQLite and PostgreSQL look
 * for the parent of a row in its own table when all rows are there, and so find one that comes later.
 *
 * @since 0.1.0
 */
import type * as Dialect from "@sluice/core/Dialect"
import { count } from "@sluice/core/Options"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import { type Merged, Merger } from "./internal/merge/Merger.js"
import { limit } from "./internal/options.js"

/**
 * How INSERTs are merged.
 *
 * @example
 * ```ts
 * import type { InsertMerge } from "@sluice/batcher"
 * import { Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const options = Effect.map(Database.Database, (db): InsertMerge.Options => ({ dialect: db.dialect, functions: ["geohash"] }))
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /** Whose quotes and comments the texts have, and whose limits hold: `db.dialect`. */
  readonly dialect: Pick<Dialect.Dialect, "lexicon" | "limits" | "lastIdIsFirst" | "placeholder">
  /**
   * UTF-8 bytes of a merged statement, all of it counted. Default 900,000, and never more than the server takes. At least
   * 1, else ConfigError. A single statement that is longer stays as it is.
   */
  readonly maxBytes?: number | undefined
  /** Rows of a merged statement. At least 1, else ConfigError. Default: as many as the server takes. */
  readonly maxRows?: number | undefined
  /** Functions beside those which are known whose answer depends on their arguments alone. Default none. */
  readonly functions?: ReadonlyArray<string> | undefined
  /**
   * Merges MySQL's `INSERT IGNORE` and `ON DUPLICATE KEY UPDATE`, too. The rows are the same; keys that AUTO_INCREMENT
   * generates may be others, as one statement does not count what it did not insert. Default `false`.
   */
  readonly upserts?: boolean | undefined
}

/**
 * A merger with the INSERTs that it holds.
 *
 * @example
 * ```ts
 * import type { InsertMerge } from "@sluice/batcher"
 * import { Either } from "effect"
 *
 * const both = (merge: InsertMerge.InsertMerge) =>
 *   Either.map(merge.add("INSERT INTO t VALUES (1)"), (finished) => [...finished, ...merge.flushAll()])
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface InsertMerge {
  /**
   * Takes a statement, and answers with those that are finished by it, in order: none, while it is held. An empty text is
   * a ConfigError, and one with a quote or a comment that never ends a SqlSyntaxError; it is then not taken, and nothing
   * that is held is lost.
   */
  readonly add: (sql: string) => Either.Either<ReadonlyArray<string>, SqlError.SqlError>
  /** Answers with what is held, and holds nothing. */
  readonly flushAll: () => ReadonlyArray<string>
}

/**
 * Makes a merger, or refuses a limit that cannot work with a ConfigError that names it.
 *
 * @example
 * ```ts
 * import { InsertMerge } from "@sluice/batcher"
 * import { Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const merged = Effect.gen(function*() {
 *   const { dialect } = yield* Database.Database
 *   const merge = yield* InsertMerge.make({ dialect })
 *   yield* merge.add("INSERT INTO t (a) VALUES (1)")
 *   yield* merge.add("INSERT INTO t (a) VALUES (2)")
 *   return merge.flushAll() // ["INSERT INTO t (a) VALUES (1),(2)"]
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Either.Either<InsertMerge, SqlError.SqlError<Reason.ConfigError>> => Either.map(merger(options), (inner) => new Texts(inner))

/**
 * The same as a step of a stream: statements in, merged ones out. A failure comes behind what was merged before it.
 *
 * @example
 * ```ts
 * import { Batcher, InsertMerge } from "@sluice/batcher"
 * import { Database } from "@sluice/core"
 * import { Effect, Stream } from "effect"
 *
 * const load = (statements: Stream.Stream<string>) =>
 *   Effect.gen(function*() {
 *     const { dialect } = yield* Database.Database
 *     const batcher = yield* Batcher.Batcher
 *     return yield* batcher.process(statements.pipe(InsertMerge.stream({ dialect })))
 *   })
 * ```
 *
 * @category streams
 * @since 0.1.0
 */
export const stream = (options: Options) =>
<E, R>(statements: Stream.Stream<string, E, R>): Stream.Stream<string, E | SqlError.SqlError, R> =>
  Stream.unwrap(Effect.map(Effect.suspend(() => merger(options)), (inner) => {
    let failure: SqlError.SqlError | undefined
    const taken = (chunk: Chunk.Chunk<string>): Chunk.Chunk<string> => {
      const out: Array<Merged> = []
      for (const sql of chunk) if ((failure = addTo(inner, sql, out)) !== undefined) break
      if (failure !== undefined) inner.flush(out, false)
      return textsOf(out)
    }
    const ended = Stream.suspend(() => {
      const out: Array<Merged> = []
      inner.flush(out, false)
      return failure === undefined ? Stream.fromChunk(textsOf(out)) : Stream.fail(failure)
    })
    return statements.pipe(
      Stream.chunks,
      Stream.map(taken),
      Stream.takeUntil(() => failure !== undefined),
      Stream.flattenChunks,
      Stream.concat(ended)
    )
  }))

class Texts implements InsertMerge {
  private readonly out: Array<Merged> = []

  constructor(private readonly inner: Merger) {}

  add(sql: string): Either.Either<ReadonlyArray<string>, SqlError.SqlError> {
    const { out } = this
    const failure = addTo(this.inner, sql, out)
    if (failure !== undefined) return Either.left(failure)
    return out.length === 0 ? none : Either.right(out.splice(0).map(textOf))
  }

  flushAll(): ReadonlyArray<string> {
    const out: Array<Merged> = []
    this.inner.flush(out, false)
    return out.map(textOf)
  }
}

const none: Either.Either<ReadonlyArray<string>> = Either.right([])

const textOf = (merged: Merged): string => merged.text

const textsOf = (out: ReadonlyArray<Merged>): Chunk.Chunk<string> => Chunk.unsafeFromArray(out.map(textOf))

const addTo = (inner: Merger, sql: string, out: Array<Merged>): SqlError.SqlError | undefined => {
  if (isBlank(sql)) return empty
  const openAt = inner.add(sql, out)
  return openAt < 0 ? undefined : SqlError.make(new Reason.SqlSyntaxError({
    message: `a quote or a comment that begins at character ${openAt + 1} has no end`,
    operation: "merge",
    position: openAt + 1
  }))
}

// The first character decides, mostly.
const isBlank = (sql: string): boolean => !(sql.charCodeAt(0) > 32) && sql.trim() === ""

const empty = SqlError.make(new Reason.ConfigError({ message: "statement is empty", field: "statement" }))

const merger = ({ dialect, functions = [], maxBytes, maxRows, upserts = false }: Options): Either.Either<Merger, SqlError.SqlError<Reason.ConfigError>> =>
  Either.map(
    Either.all([count("maxBytes", maxBytes, 900_000, 1), limit("maxRows", maxRows, Number.POSITIVE_INFINITY)]),
    ([bytes, rows]) =>
      new Merger(
        { lexicon: dialect.lexicon, functions: new Set(functions.map((name) => name.toUpperCase())), upserts, placeholder: dialect.placeholder },
        {
          maxBytes: Math.min(bytes, dialect.limits.maxStatementBytes),
          maxRows: Math.min(rows, dialect.limits.maxInsertRows),
          maxParameters: dialect.limits.maxParameters,
          lastIdIsFirst: dialect.lastIdIsFirst === true
        }
      )
  )
