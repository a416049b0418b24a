/**
 * A spool: a folder that keeps records until they are applied to a database, through crashes of the process and of the machine.
 *
 * A record is acknowledged when it is on disk, and applied once: the place up to which a spool is applied moves in the transaction that
 * applies its records. It does not say what a record means, nor how it is applied. Used by programs.
 *
 * @since 0.1.0
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import { Database, type DatabaseId } from "@sluice/core/Database"
import { type Checked, refuse } from "@sluice/core/Options"
import type * as SqlError from "@sluice/core/SqlError"
import type * as BigDecimal from "effect/BigDecimal"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import { limit, oneOf } from "./internal/options.js"
import * as Draining from "./internal/spool/draining.js"
import * as Log from "./internal/spool/log.js"
import { bytesOf } from "./internal/spool/record.js"
import type { Damage, SpoolError } from "./SpoolError.js"

/**
 * What a spool keeps exactly as it went in: plain values, and lists and records of them. An instance of any other class is a DataError.
 *
 * @example
 * ```ts
 * import type { Spool } from "@sluice/batcher"
 *
 * const row: Spool.Value = { id: 9007199254740993n, taken: new Date(0), picture: new Uint8Array([1, 2]), note: null }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Value =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array
  | BigDecimal.BigDecimal
  | ReadonlyArray<Value>
  | { readonly [key: string]: Value }

/**
 * How a spool keeps its records.
 *
 * @example
 * ```ts
 * import type { Spool } from "@sluice/batcher"
 *
 * const options: Spool.Options = { segmentBytes: 64_000_000, damaged: "skip" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /** Bytes after which a new file is begun; memory holds one file while it is read. At least 1,000, else ConfigError. Default 16,000,000. */
  readonly segmentBytes?: number | undefined
  /**
   * What becomes of a spool that has lost acknowledged records: a bit that flipped, a file that is gone. `fail` (default): it is not opened, and the
   * SpoolError tells what is lost. `skip`: all other records are applied, `damages` tells what is lost, and the damaged file is kept.
   */
  readonly damaged?: "fail" | "skip" | undefined
}

/**
 * How a spool is applied.
 *
 * @example
 * ```ts
 * import type { Spool } from "@sluice/batcher"
 *
 * const options: Spool.DrainOptions = { maxRecords: 5_000 }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface DrainOptions {
  /** Records per transaction, at least 1, else ConfigError. Default 10,000. */
  readonly maxRecords?: number | undefined
  /** The table of the target that holds the place of each spool; made where it is not there. Default `sluice_spools`. */
  readonly table?: string | undefined
  /** Runs a transaction again after a deadlock or a serialization failure (law T4). Default: never. */
  readonly retry?: Schedule.Schedule<unknown> | undefined
}

/**
 * What a drain did.
 *
 * @example
 * ```ts
 * import type { Spool } from "@sluice/batcher"
 *
 * const perSecond = (report: Spool.Report) => report.records / (report.milliseconds / 1000)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  /** Records that it applied. */
  readonly records: number
  /** Transactions in which it did. */
  readonly batches: number
  /** `at least once` where the dialect has no transactions: what was applied when the process was killed may be applied again. */
  readonly guarantee: "exactly once" | "at least once"
  /** From its start to its end. */
  readonly milliseconds: number
}

/**
 * A spool that is open.
 *
 * @example
 * ```ts
 * import type { Spool } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const keep = (spool: Spool.Spool, line: string) => Effect.zipRight(spool.append([line]), spool.appended)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Spool<in out A = Value> {
  /**
   * Appends records; when it completes they are on disk (written and synced; appends that come together share a sync). Interrupted before its write
   * begins it has appended nothing. A value that cannot be kept is a DataError, and a full disk a SpoolError; of neither is anything kept.
   */
  readonly append: (records: ReadonlyArray<A>) => Effect.Effect<void, SpoolError | SqlError.SqlError>
  /** Appends all records of a stream, a chunk at a time, and answers how many those were. */
  readonly sink: Sink.Sink<number, A, never, SpoolError | SqlError.SqlError>
  /**
   * Applies all records that are not applied yet, in order, some per transaction: `apply` is given them inside it, and it commits together with the
   * place in the target up to which the spool is applied. A failure leaves those records and all later ones in the spool, for the
   * next drain; so does a kill, or a COMMIT whose answer was lost. One drain at a time: a second one waits.
   */
  readonly drain: <E, R>(
    apply: (records: ReadonlyArray<A>) => Effect.Effect<unknown, E, R>,
    options?: DrainOptions
  ) => Effect.Effect<Report, E | SpoolError | SqlError.SqlError, R | DatabaseId>
  /** As `drain`, and goes on with what is appended later, until it is interrupted or fails. */
  readonly follow: <E, R>(
    apply: (records: ReadonlyArray<A>) => Effect.Effect<unknown, E, R>,
    options?: DrainOptions
  ) => Effect.Effect<never, E | SpoolError | SqlError.SqlError, R | DatabaseId>
  /** How many records it has ever taken: where a source that can be read again goes on after a crash. */
  readonly appended: Effect.Effect<number>
  /** What of its folder could not be read when it was opened. */
  readonly damages: ReadonlyArray<Damage>
}

/**
 * Opens the spool of a folder, and makes it where there is none, until the scope closes.
 *
 * What a crash left is recovered: a last record that is not whole is cut off (nobody was told that it is kept), all others are there. One
 * process has it at a time. The folder is one spool for one target: it holds the id by which the target knows it.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Spool } from "@sluice/batcher"
 * import { Sqlite } from "@sluice/sqlite"
 * import { Effect, Stream } from "effect"
 *
 * type Row = { readonly id: number; readonly name: string }
 *
 * const program = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   const spool = yield* Spool.file<Row>("var/spool")
 *   const from = yield* spool.appended
 *   yield* Stream.range(from, 999_999).pipe(Stream.map((id) => ({ id, name: `user ${id}` })), Stream.run(spool.sink))
 *   return yield* spool.drain((rows) => db`INSERT INTO users ${db.insert(rows)}`)
 * }).pipe(Effect.scoped, Effect.provide(Sqlite.layer({ filename: "app.db" }))) // and, for the folder, NodeFileSystem.layer
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const file = <A = Value>(
  folder: string,
  options: Options = {}
): Effect.Effect<Spool<A>, SpoolError | SqlError.SqlError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function*() {
    const log = yield* Log.open(yield* settingsOf(folder, options))
    const append = (records: ReadonlyArray<A>) =>
      records.length === 0 ? Effect.void : Effect.flatMap(bytesOf(records), (bytes) => log.append(bytes, records.length))
    const turn = yield* Effect.makeSemaphore(1)
    const applied = <E, R>(apply: (records: ReadonlyArray<A>) => Effect.Effect<unknown, E, R>, options: DrainOptions, follows: boolean) =>
      Effect.gen(function*() {
        const db = yield* Database
        const settings = yield* drainingOf(options)
        // What comes out is what this spool's `append` has put in.
        const given = (records: ReadonlyArray<unknown>) => apply(records as ReadonlyArray<A>)
        return yield* turn.withPermits(1)(Draining.drain(db, log, given, { ...settings, follows }))
      })
    return {
      append,
      sink: Sink.suspend(() => {
        let count = 0
        return Sink.map(
          Sink.forEachChunk((chunk: Chunk.Chunk<A>) => Effect.map(append(Chunk.toReadonlyArray(chunk)), () => {
            count += chunk.length
          })),
          () => count
        )
      }),
      drain: (apply, options = {}) => applied(apply, options, false),
      follow: (apply, options = {}) => Effect.zipRight(applied(apply, options, true), Effect.never),
      appended: Effect.sync(() => log.next),
      damages: log.damages
    }
  })

const settingsOf = (folder: string, options: Options): Checked<Log.Settings> =>
  Either.gen(function*() {
    if (typeof folder !== "string" || folder.length === 0) yield* refuse("folder", "must be the path of a folder")
    const segmentBytes = yield* limit("segmentBytes", options.segmentBytes, 16_000_000)
    if (segmentBytes < 1_000) yield* refuse("segmentBytes", `must be at least 1000, was ${segmentBytes}`)
    return { folder, segmentBytes, damaged: yield* oneOf("damaged", options.damaged, ["fail", "skip"], "fail") }
  })

const drainingOf = (options: DrainOptions): Checked<Omit<Draining.Settings, "follows">> =>
  Either.gen(function*() {
    const table = options.table ?? "sluice_spools"
    if (typeof table !== "string" || table.trim().length === 0) yield* refuse("table", "must be a table's name")
    return { maxRecords: yield* limit("maxRecords", options.maxRecords, 10_000), table, retry: options.retry }
  })
