/**
 * A query collector: gets one record of each batch that a batcher has sent, or would have sent in a dry run.
 *
 * It sees a batch after its end, whatever that was, once: retries and the search for a bad statement make no further
 * record. It decides nothing. A batcher takes the one in its context, and `flush` and `process` take one for a call.
 *
 * @since 0.1.0
 */
import { type PlatformError, SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as Redacted from "effect/Redacted"
import type { Metadata } from "./Batch.js"
import { lineOf } from "./internal/format/line.js"

/**
 * What became of a batch. `partial`: some of it is applied; the dead letter or the BatchError has the rest.
 *
 * @example
 * ```ts
 * import type { QueryCollector } from "@sluice/batcher"
 *
 * const isWhole = (outcome: QueryCollector.Outcome) => outcome === "applied"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "applied" | "partial" | "not-applied" | "unknown" | "dry-run"

/**
 * What is kept of a batch.
 *
 * @example
 * ```ts
 * import type { QueryCollector } from "@sluice/batcher"
 *
 * const line = (record: QueryCollector.Record) => `${record.outcome}: ${record.statements} statements in ${record.duration} ms`
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Record {
  /** The statements' texts with placeholders, a delimiter after each; merged, where they were sent so. */
  readonly text: string
  /** Statements that were added, each merged one counted. */
  readonly statements: number
  /** UTF-8 bytes as the limits count them. */
  readonly bytes: number
  /** What was given to `flush` or `process`. */
  readonly metadata: Metadata | undefined
  /** What became of it. With `transaction: "all"` it says what became of the sending, before COMMIT. */
  readonly outcome: Outcome
  /** From before it was sent until its outcome was known, in milliseconds; retries are in it. */
  readonly duration: number
  /** The parameters of each statement that was sent. Nothing prints or encodes them. */
  readonly parameters: Redacted.Redacted<ReadonlyArray<ReadonlyArray<unknown>>>
}

/**
 * A collector.
 *
 * What it fails with is logged by the batcher: the batch is in the database by then.
 *
 * @example
 * ```ts
 * import { Batcher, QueryCollector } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const preview = Effect.gen(function*() {
 *   const collector = yield* QueryCollector.make
 *   const batcher = yield* Batcher.make({ dryRun: true })
 *   yield* batcher.add("DELETE FROM drafts")
 *   yield* batcher.flush({ collector, metadata: { why: "preview" } })
 *   return (yield* collector.all).map((record) => record.text)
 * })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface QueryCollector {
  /** Takes a record. */
  readonly collect: (record: Record) => Effect.Effect<void, PlatformError>
  /** The records that it keeps, in order. */
  readonly all: Effect.Effect<ReadonlyArray<Record>, PlatformError>
  /** How many it has taken since it was made or cleared. */
  readonly count: Effect.Effect<number>
  /** The UTF-8 bytes of those. */
  readonly size: Effect.Effect<number>
  /** Forgets all of them. */
  readonly clear: Effect.Effect<void, PlatformError>
}

/**
 * The identity of the `QueryCollector` tag.
 *
 * @example
 * ```ts
 * import type { QueryCollector } from "@sluice/batcher"
 * import type { Effect } from "effect"
 *
 * type Program = Effect.Effect<void, never, QueryCollector.QueryCollectorId>
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface QueryCollectorId {
  /** Nobody's value has it: the tag stands for itself only. */
  readonly _: unique symbol
}

/**
 * The tag of the collector. A batcher that is made where it is provided collects into it; it is not required.
 *
 * @example
 * ```ts
 * import { QueryCollector } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const texts = Effect.flatMap(QueryCollector.QueryCollector, (collector) => collector.all)
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export const QueryCollector: Context.Tag<QueryCollectorId, QueryCollector> =
  Context.GenericTag<QueryCollectorId, QueryCollector>("@sluice/batcher/QueryCollector")

const counted = (
  keep: (record: Record) => Effect.Effect<void, PlatformError>,
  all: QueryCollector["all"],
  forget: Effect.Effect<void, PlatformError>
): QueryCollector => {
  let count = 0
  let size = 0
  return {
    collect: (record) =>
      Effect.map(keep(record), () => {
        count++
        size += record.bytes
      }),
    all,
    count: Effect.sync(() => count),
    size: Effect.sync(() => size),
    clear: Effect.map(forget, () => {
      count = 0
      size = 0
    })
  }
}

/**
 * A collector that keeps the records in memory. What loads millions of rows with it keeps all of their texts.
 *
 * @example
 * ```ts
 * import { QueryCollector } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const program = Effect.flatMap(QueryCollector.make, (collector) => collector.count)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<QueryCollector> = Effect.sync(() => {
  const records: Array<Record> = []
  return counted(
    (record) => Effect.sync(() => void records.push(record)),
    Effect.sync(() => records.slice()),
    Effect.sync(() => {
      records.length = 0
    })
  )
})

/**
 * A collector that writes each record as a line of JSON behind what the file holds. Parameters are written as
 * `"<redacted>"`, bigints of the metadata as texts; `all` reads the file (a line that is none is a SystemError with its
 * number), `clear` empties it.
 *
 * @example
 * ```ts
 * import { QueryCollector } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const program = Effect.flatMap(QueryCollector.file("batches.ndjson"), (collector) => collector.all)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const file = (path: string): Effect.Effect<QueryCollector, never, FileSystem.FileSystem> =>
  Effect.map(FileSystem.FileSystem, (files) =>
    counted(
      (record) => Effect.suspend(() => files.writeFileString(path, `${lineOf(record)}\n`, { flag: "a" })),
      Effect.flatMap(Effect.flatMap(files.exists(path), (isThere) => isThere ? files.readFileString(path) : Effect.succeed("")), (text) =>
        Effect.forEach(text.split("\n").filter((line) => line !== ""), (line, at) => read(path, line, at + 1))),
      files.writeFileString(path, "")
    ))

// What the file had of the parameters is that there were some.
const read = (path: string, line: string, at: number): Effect.Effect<Record, PlatformError> =>
  Effect.try({
    try: (): Record => ({ ...JSON.parse(line) as Record, parameters: Redacted.make([]) }),
    // A process that was killed while it wrote leaves half a line.
    catch: (cause) => new SystemError({ reason: "InvalidData", module: "FileSystem", method: "readFileString", pathOrDescriptor: path, description: `line ${at} is no record`, cause })
  })

const milliseconds = MetricBoundaries.fromIterable([1, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000])

/**
 * A collector that keeps no text and counts: `sluice.batcher.batches` and `sluice.batcher.statements` by outcome,
 * `sluice.batcher.bytes`, and the histogram `sluice.batcher.duration` in milliseconds. Its `all` is empty.
 *
 * @example
 * ```ts
 * import { QueryCollector } from "@sluice/batcher"
 * import { Layer } from "effect"
 *
 * const live = Layer.effect(QueryCollector.QueryCollector, QueryCollector.metrics)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const metrics: Effect.Effect<QueryCollector> = Effect.sync(() => {
  const bytes = Metric.counter("sluice.batcher.bytes")
  const duration = Metric.histogram("sluice.batcher.duration", milliseconds)
  return counted(
    (record) => {
      const by = (name: string) => Metric.tagged(Metric.counter(name), "outcome", record.outcome)
      return Effect.all([
        Metric.update(by("sluice.batcher.batches"), 1),
        Metric.update(by("sluice.batcher.statements"), record.statements),
        Metric.update(bytes, record.bytes),
        Metric.update(duration, record.duration)
      ], { discard: true })
    },
    Effect.succeed([]),
    Effect.void
  )
})

/**
 * A layer of a collector that keeps the records in memory.
 *
 * @example
 * ```ts
 * import { Batcher, QueryCollector } from "@sluice/batcher"
 * import { Layer } from "effect"
 *
 * const live = Layer.provideMerge(Batcher.layer({ dryRun: true }), QueryCollector.layer)
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<QueryCollectorId> = Layer.effect(QueryCollector, make)

/**
 * A layer of a collector that writes lines of JSON to a file.
 *
 * @example
 * ```ts
 * import { QueryCollector } from "@sluice/batcher"
 *
 * const live = QueryCollector.layerFile("batches.ndjson")
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFile = (path: string): Layer.Layer<QueryCollectorId, never, FileSystem.FileSystem> => Layer.effect(QueryCollector, file(path))
