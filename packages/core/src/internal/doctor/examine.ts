/**
 * An examination: every server is connected to and asked, and then the pool.
 *
 * Each step is bounded, and what cannot be tried is skipped with the reason. The connection of a probe is its own, outside of the
 * pool, and ends with it. Called by `Doctor` and, for `db.doctor`, by `database`.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import type { Connection } from "../../Connection.js"
import type { Options, Report } from "../../Doctor.js"
import type { Check, Examination, Probe } from "../../Examination.js"
import type * as Pool from "../../Pool.js"
import * as SqlError from "../../SqlError.js"
import { bounded } from "../../Bounded.js"
import { Phases } from "./Phases.js"
import { settings, Sheet, unanswered } from "./Sheet.js"
import { Target } from "./Target.js"

/** The options of the examinations of a fiber. */
export const current: FiberRef.FiberRef<Options> = FiberRef.unsafeMake<Options>({})

/** Of a dialect that tells nothing: the pool and a round trip are left. */
export const nothing: Examination = { probes: [], checks: [], hint: () => undefined }

/** The pools of a database, at least one, and the counts of all of them. */
export interface Lenders {
  readonly pools: ReadonlyArray<Pool.Pool>
  readonly stats: Effect.Effect<Pool.Stats>
}

/** What a config comes to, before there is a database. */
export const ofConfig = (dialect: string, examination: Effect.Effect<Examination, SqlError.SqlError>): Effect.Effect<Report> =>
  onSheet(dialect, undefined, (sheet) =>
    Effect.gen(function*() {
      let found: Examination | undefined
      yield* sheet.timed("config", undefined, Effect.map(examination, (one) => {
        found = one
        return {}
      }))
      if (found !== undefined) yield* visitAll(sheet, found)
    }))

/** A database: its servers, and its pool. */
export const ofDatabase = (dialect: string, examination: Examination, lenders: Lenders): Effect.Effect<Report> =>
  onSheet(dialect, lenders.stats, (sheet) => Effect.flatMap(visitAll(sheet, examination), (reached) => lend(sheet, lenders, examination, reached)))

const onSheet = (dialect: string, stats: Effect.Effect<Pool.Stats> | undefined, fill: (sheet: Sheet) => Effect.Effect<void>): Effect.Effect<Report> =>
  Effect.gen(function*() {
    const checked = settings(yield* FiberRef.get(current))
    const sheet = new Sheet(Either.getOrElse(checked, () => ({ slow: {}, timeout: Number.POSITIVE_INFINITY })))
    if (Either.isLeft(checked)) sheet.failed("options", undefined, 0, checked.left)
    else yield* fill(sheet)
    return sheet.report(dialect, stats === undefined ? undefined : yield* stats)
  })

/** Visits every server: how many could be connected to. */
const visitAll = (sheet: Sheet, { checks, hint, probes, wanted }: Examination): Effect.Effect<number> =>
  Effect.gen(function*() {
    sheet.hint = hint
    const target = wanted === undefined || wanted.target === "any" ? undefined : new Target(wanted)
    let reached = 0
    for (const probe of probes) if (yield* visit(sheet, probe, target === undefined ? checks : [...checks, target.check])) reached++
    target?.write(sheet)
    return reached
  })

/** Connects to a server and asks it; whether it could be connected to. */
const visit = (sheet: Sheet, { connect, endpoint, phases }: Probe, checks: ReadonlyArray<Check>): Effect.Effect<boolean> =>
  Effect.scoped(Effect.gen(function*() {
    const watch = new Phases(phases)
    let opened: Connection | undefined
    const connecting = yield* Effect.acquireRelease(
      Effect.forkDaemon(Effect.interruptible(connect(watch, (connection) => {
        opened = connection
      }))),
      (fiber) => ended(fiber, () => opened)
    )
    const exit = yield* answered(connecting, watch, sheet.settings.timeout)
    const error = Exit.isSuccess(exit) ? undefined : errorOf(exit.cause)
    watch.write(sheet, endpoint, error)
    if (Exit.isFailure(exit)) {
      const failing = sheet.steps.findLast((step) => step.status === "failed")?.name ?? "connecting"
      for (const { name } of ordered(checks)) sheet.skipped(name, endpoint, `${failing} failed`)
      return false
    }
    const connection = exit.value
    yield* question(sheet, endpoint, checks, (use) => use(connection))
    return true
  }))

/** What the connecting ends with, each phase of it within the limit. */
const answered = (
  fiber: Fiber.RuntimeFiber<Connection, SqlError.SqlError>,
  watch: Phases,
  limit: number
): Effect.Effect<Exit.Exit<Connection, SqlError.SqlError>> =>
  Effect.suspend(() => {
    const left = limit - watch.elapsed
    return left <= 0 ? Effect.succeed(Exit.fail(unanswered(limit))) : Effect.flatMap(
      Number.isFinite(left) ? Effect.timeoutOption(Fiber.await(fiber), Math.max(1, left)) : Effect.asSome(Fiber.await(fiber)),
      Option.match({ onNone: () => answered(fiber, watch, limit), onSome: Effect.succeed })
    )
  })

/** Leaves no connection behind, and waits for nobody who does not go. */
const ended = (fiber: Fiber.RuntimeFiber<Connection, SqlError.SqlError>, opened: () => Connection | undefined): Effect.Effect<void> => {
  const close = (how: "graceful" | "destroy") => Effect.suspend(() => Effect.ignore(opened()?.close(how) ?? Effect.void))
  return Effect.catchAll(
    bounded<void, "late">(Effect.zipRight(Fiber.interrupt(fiber), close("graceful")), patience, () => "late"),
    () => Effect.asVoid(Effect.forkDaemon(close("destroy")))
  )
}

/** Milliseconds for the end of a connection. */
const patience = 1_000

type Use = <A>(f: (connection: Connection) => Effect.Effect<A, SqlError.SqlError>) => Effect.Effect<A, SqlError.SqlError>

const roundTrip: Check = { name: "round trip", run: (connection) => Effect.as(connection.ping, {}) }

// What may be long comes last: nothing is asked of a connection that has not answered.
const ordered = (checks: ReadonlyArray<Check>): ReadonlyArray<Check> =>
  [...checks.filter(({ late }) => late === undefined), roundTrip, ...checks.filter(({ late }) => late !== undefined)]

const question = (sheet: Sheet, endpoint: string | undefined, checks: ReadonlyArray<Check>, use: Use): Effect.Effect<void> =>
  Effect.gen(function*() {
    let lost: string | undefined
    for (const { late, name, run } of ordered(checks)) {
      if (lost !== undefined) {
        sheet.skipped(name, endpoint, lost)
        continue
      }
      const error = yield* sheet.timed(name, endpoint, use(run), { late })
      if (error !== undefined && error.connection !== "usable") lost = `${name} ${late === undefined ? "failed" : "is not over"}`
    }
  })

/** Each pool: a lease, and the counts. Where there is no probe, the checks go by leases of the first one too. */
const lend = (sheet: Sheet, { pools }: Lenders, { checks, probes }: Examination, reached: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    const isAlone = pools.length === 1
    for (const [index, pool] of pools.entries()) {
      const before = yield* pool.stats
      if (probes.length > 0 && reached === 0 && before.idle === 0 && before.lent < before.max) {
        sheet.skipped("pool", undefined, "no connection can be made")
        continue
      }
      const lease = Effect.flatMap(pool.use(() => Effect.void), () =>
        Effect.map(pool.stats, (now) => ({ detail: `${isAlone ? "" : `${pool.name}: `}${counts(now)}`, hint: crowded(now) })))
      // Read before: whoever holds them may be gone afterwards.
      const error = yield* sheet.timed("pool", undefined, lease, { hint: () => crowded(before) })
      if (probes.length > 0 || index > 0) continue
      if (error === undefined) yield* question(sheet, undefined, checks, pool.use)
      else for (const { name } of ordered(checks)) sheet.skipped(name, undefined, "pool failed")
    }
  })

const counts = ({ idle, lent, max, size, waiting }: Pool.Stats): string => `${size} of at most ${max} open: ${idle} idle, ${lent} lent; ${waiting} waiting`

const crowded = (stats: Pool.Stats): string | undefined =>
  stats.lent < stats.max && stats.waiting === 0 ? undefined
    : `every connection is lent (${counts(stats)}): find who holds them for long (\`pool.leakAfter\`), or raise \`pool.max\``

const errorOf = (cause: Cause.Cause<SqlError.SqlError>): SqlError.SqlError => Option.getOrElse(Cause.failureOption(cause), () => SqlError.refine(Cause.squash(cause)))
