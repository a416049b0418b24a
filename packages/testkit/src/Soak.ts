/**
 * The soak: mixed load for minutes, with the faults of networks and servers among it, and the question whether anything
 * is left: memory, sessions, connections that are counted wrongly, fibers that hang.
 *
 * It is no test of vitest, and knows nothing of it: a program runs it. Each dialect with a fault suite has a soak for
 * nothing. Called by `npm run soak`.
 *
 * @since 0.1.0
 */
import type * as Database from "@sluice/core/Database"
import type * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type * as Faults from "./Faults.js"
import { make } from "./internal/bench.js"
import { innocents, seeded, victims, type Work } from "./internal/load.js"
import { eventually, held, within } from "./internal/waiting.js"
import type * as TcpProxy from "./TcpProxy.js"

/**
 * How long, and who is told.
 *
 * @example
 * ```ts
 * import type { Soak } from "@sluice/testkit"
 *
 * const settings: Soak.Settings = { minutes: 10, say: (line) => console.log(line) }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Settings {
  /** How long it lasts. The first fifth of it is warm-up. */
  readonly minutes: number
  /** Gets a line every minute, and whenever something happens that is worth one. */
  readonly say: (line: string) => void
}

/**
 * What a soak saw.
 *
 * @example
 * ```ts
 * import type { Soak } from "@sluice/testkit"
 *
 * const grown = (report: Soak.Report) => report.heapAtEnd - report.heapAfterWarmUp
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  /** Pieces of work that ended as they should. */
  readonly done: number
  /** Pieces of work that were interrupted. */
  readonly interrupted: number
  /** Pieces of work that a fault hit: each failed with a reason that such a fault may have. */
  readonly failed: number
  /** Times that the server was killed and started again. */
  readonly restarts: number
  /** Connections that were opened. */
  readonly opened: number
  /** Bytes of heap that were held after a collection, once the warm-up was over: the median of three samples. */
  readonly heapAfterWarmUp: number
  /** The same, at the end. */
  readonly heapAtEnd: number
}

/**
 * Soaks a dialect. Fails where work fails with anything that no fault explains, where a fiber hangs, where the heap has
 * grown by more than 4 MB since the warm-up, where counts do not add up or sessions are left.
 *
 * @example
 * ```ts
 * import { type Faults, Soak } from "@sluice/testkit"
 * import { Effect } from "effect"
 *
 * const tenMinutes = (options: Faults.Options) =>
 *   Effect.flatMap(Soak.soak(options, { minutes: 10, say: console.log }), (report) => Effect.log(report))
 * ```
 *
 * @category programs
 * @since 0.1.0
 */
export const soak = (options: Faults.Options, settings: Settings): Effect.Effect<Report, Error> =>
  Effect.scoped(Effect.flatMap(make(options), (bench) => soaked(bench, settings)))

/** What a fault may do to work: nothing else may. */
const explained: ReadonlySet<Reason.Tag> = new Set([
  "ConnectionError", "StatementTimeoutError", "PoolTimeoutError", "TransactionAbortedError", "LockTimeoutError", "DeadlockError"
])

const allowed = 4_000_000

const soaked = (bench: Faults.Bench, settings: Settings): Effect.Effect<Report, Error, Scope.Scope> =>
  Effect.gen(function*() {
    const { minutes, say } = settings
    const counts = { done: 0, interrupted: 0, failed: 0, restarts: 0 }
    const seen = new Map<string, number>()
    let opened = 0
    yield* retried(bench.side.unsafe(bench.profile.sql.things))
    const proxy = yield* bench.proxy
    const samples: Array<number> = []
    let isOver = false
    yield* Effect.scoped(Effect.gen(function*() {
      const db = yield* bench.open(proxy, {
        connectTimeout: 1_000,
        statementTimeout: 10_000,
        pool: { max: 12, acquireTimeout: 20_000, cancelTimeout: 1_000, validateAfter: 200, idleTimeout: 5_000, maxLifetime: 60_000 }
      })
      const random = seeded(41)
      let id = 1_000
      const judged = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void, Error> => {
        if (Exit.isSuccess(exit)) counts.done++
        else if (Exit.isInterrupted(exit)) counts.interrupted++
        else {
          const error = Cause.squash(exit.cause)
          const tag = SqlError.isSqlError(error) ? error.reason._tag : "no SqlError"
          if (!SqlError.isSqlError(error) || !explained.has(error.reason._tag)) {
            return Effect.fail(new Error(`no fault explains: ${Cause.pretty(exit.cause)}`))
          }
          counts.failed++
          seen.set(tag, (seen.get(tag) ?? 0) + 1)
        }
        return Effect.void
      }
      const begun = (works: ReadonlyArray<Work>) => Effect.suspend(() => Effect.exit(works[Math.floor(random() * works.length)]?.(id += 1_000) ?? Effect.void))
      const forever = (effect: Effect.Effect<unknown, Error>) => Effect.repeat(effect, { until: () => isOver })
      const left = innocents(bench, db)
      const stopped = victims(bench, db)
      const steady = forever(Effect.zipRight(Effect.flatMap(begun(left), judged), Effect.sleep(5)))
      const stopping = forever(Effect.gen(function*() {
        const fiber = yield* Effect.fork(begun(stopped))
        yield* Effect.sleep(random() * 40)
        yield* Effect.flatMap(Fiber.interrupt(fiber), (exit) => judged(Exit.flatten(exit)))
      }))
      const load = yield* Effect.fork(Effect.all([...Array.from({ length: 6 }, () => steady), ...Array.from({ length: 6 }, () => stopping)], { concurrency: "unbounded", discard: true }))
      const striking = yield* Effect.fork(forever(strike(bench, proxy, db, random, counts)))
      const begin = Date.now()
      while (Date.now() - begin < minutes * 60_000 && load.unsafePoll() === null && striking.unsafePoll() === null) {
        yield* Effect.sleep(Math.min(5_000, minutes * 3_000))
        samples.push(yield* held)
        if (samples.length % 12 === 0) {
          const { opened, size } = yield* db.pool.stats
          say(`${((Date.now() - begin) / 60_000).toFixed(0)} min: heap ${megabytes(samples.at(-1) ?? 0)} MB; ${counts.done} done, ${counts.interrupted} interrupted, ${counts.failed} failed by faults, ${counts.restarts} restarts; ${size} connections, ${opened} opened`)
        }
      }
      isOver = true
      yield* within(Fiber.join(striking), 60_000, "the last fault")
      yield* proxy.set({ kind: "none" })
      yield* within(Fiber.join(load), 60_000, "the load, of which a fiber hangs")
      const settled = Effect.map(db.pool.stats, (stats) => stats.lent + stats.waiting + stats.connecting + stats.retired === 0 && stats.opened - stats.closed === stats.size)
      yield* eventually(settled, "the pool, whose counts do not add up")
      opened = (yield* db.pool.stats).opened
    }))
    yield* eventually(Effect.map(bench.sessions, (all) => all.size === 0), "the end of every session")
    say(`failures by faults: ${[...seen].map(([tag, n]) => `${n} ${tag}`).join(", ") || "none"}`)
    const warm = samples.slice(Math.floor(samples.length / 5))
    const report: Report = { ...counts, opened, heapAfterWarmUp: median(warm.slice(0, 3)), heapAtEnd: median(warm.slice(-3)) }
    const grown = report.heapAtEnd - report.heapAfterWarmUp
    if (grown > allowed) return yield* Effect.fail(new Error(`the heap grew by ${megabytes(grown)} MB after the warm-up`))
    return report
  }).pipe(Effect.mapError((error) => error instanceof Error ? error : new Error(String(error))))

/** One fault, and the pause after it. */
const strike = (
  bench: Faults.Bench,
  proxy: TcpProxy.TcpProxy,
  db: Database.Database,
  random: () => number,
  counts: { restarts: number }
): Effect.Effect<void, Error> =>
  Effect.gen(function*() {
    const during = (fault: TcpProxy.Fault, milliseconds: number) =>
      Effect.zipRight(proxy.set(fault), Effect.zipRight(Effect.sleep(milliseconds), proxy.set({ kind: "none" })))
    const kind = Math.floor(random() * 24)
    if (kind < 8) {
      const all = [...(yield* retried(bench.sessions)).keys()]
      const id = all[Math.floor(random() * all.length)]
      // It may be gone already.
      if (id !== undefined) yield* Effect.ignore(bench.side.unsafe(bench.texts.terminate(id)))
    } else if (kind < 12) yield* proxy.reset
    else if (kind < 15) yield* during({ kind: "latency", milliseconds: 20 }, 1_000)
    else if (kind < 17) yield* during({ kind: "slices" }, 300)
    else if (kind < 19) yield* during({ kind: "refuse" }, 300)
    else if (kind < 21) yield* during({ kind: "silence" }, 1_500)
    else if (kind < 22) yield* db.pool.clear
    else if (kind < 23) {
      counts.restarts++
      yield* bench.server.kill
      yield* Effect.sleep(200)
      yield* bench.server.start
    } else {
      // The table stays small.
      yield* retried(bench.side.unsafe("DELETE FROM things"))
    }
    yield* Effect.sleep(random() * 1_000)
  })

// The side's connection is ended with the server, too.
const retried = <A>(effect: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, SqlError.SqlError> =>
  Effect.retry(effect, { times: 20, while: (error) => error.isRetryable || error.reason._tag === "ConnectionError" })

const megabytes = (bytes: number): string => (bytes / 1_000_000).toFixed(1)

const median = (numbers: ReadonlyArray<number>): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
