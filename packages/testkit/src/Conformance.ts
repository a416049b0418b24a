/**
 * The conformance suite: what a dialect must pass. Every case of every law that applies, declared as a test.
 *
 * The cases are in `suites`, as data; here each gets fresh databases, a bound of 20 seconds, and afterwards the
 * question whether the pool's counts add up. Called by a dialect's own tests.
 *
 * @since 0.1.0
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import type * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Doctor from "@sluice/core/Doctor"
import type * as Reason from "@sluice/core/Reason"
import type * as SqlError from "@sluice/core/SqlError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import { inspect } from "node:util"
import { capabilities } from "./capabilities.js"
import * as Case from "./Case.js"
import { accounted, fails, ids } from "./internal/asking.js"
import { type Law, laws } from "./Law.js"
import type * as Profile from "./Profile.js"
import { cases } from "./suites/all.js"

/**
 * How the suite reaches a dialect.
 *
 * @example
 * ```ts
 * import type { Conformance } from "@sluice/testkit"
 * import { sqliteMemory } from "@sluice/testkit/profiles/sqlite"
 * import { Sqlite } from "@sluice/sqlite"
 *
 * const options: Conformance.Options = {
 *   profile: sqliteMemory,
 *   layer: (config) => Sqlite.layer({ ...config, filename: ":memory:", pool: { ...config.pool, max: 1 } })
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The dialect, and the way in which it is run. */
  readonly profile: Profile.Profile
  /** A database that is fresh and empty each time the layer is built. */
  readonly layer: (config: Database.Config) => Layer.Layer<Database.DatabaseId | SqlClient.SqlClient, SqlError.SqlError>
  /** Only the cases of these laws. Default: all. */
  readonly laws?: ReadonlyArray<Law> | undefined
  /** Layers that cannot be built, and the reason that they must fail with. */
  readonly unreachable?: ReadonlyArray<{
    readonly title: string
    readonly reason: Reason.Tag
    readonly layer: Layer.Layer<Database.DatabaseId, SqlError.SqlError>
  }>
  /** Configs that lead nowhere: the step at which the dialect's `doctor` must say so, and what its hint must hold. */
  readonly sick?: ReadonlyArray<{
    readonly title: string
    readonly step: string
    readonly hint: string
    readonly report: Effect.Effect<Doctor.Report>
    /** What the report must not hold. */
    readonly secret?: string
  }>
}

/**
 * Declares the suite for one dialect, in a test file of vitest.
 *
 * @example
 * ```ts
 * import { Conformance } from "@sluice/testkit"
 * import { sqliteMemory } from "@sluice/testkit/profiles/sqlite"
 * import { Sqlite } from "@sluice/sqlite"
 *
 * const declare = () =>
 *   Conformance.conformance("sqlite in memory", {
 *     profile: sqliteMemory,
 *     layer: (config) => Sqlite.layer({ ...config, filename: ":memory:", pool: { ...config.pool, max: 1 } })
 *   })
 * ```
 *
 * @category suites
 * @since 0.1.0
 */
export const conformance = (name: string, options: Options): void => {
  const { profile } = options
  const applying = cases.filter((one) => Case.exemption(one, profile) === undefined)
  describe(`${name}`, () => {
    it.scopedLive("claims the capabilities that the suite's table has for it", () =>
      Effect.map(Layer.build(options.layer({})), (context) => {
        assert.deepStrictEqual(Context.get(context, Database.Database).dialect.capabilities, capabilities[profile.dialect])
      }))
    for (const [law, { promise }] of Object.entries(laws)) {
      if (options.laws?.some((wanted) => wanted === law) === false) continue
      const own = applying.filter((one) => one.law === law)
      const unreachable = law === "E1" ? options.unreachable ?? [] : []
      const sick = law === "C2" ? options.sick ?? [] : []
      if (own.length + unreachable.length + sick.length === 0) continue
      describe(`${law} ${promise}`, () => {
        for (const one of own) it.live(one.title, () => run(one, options), one.within ?? 20_000)
        for (const { layer, reason, title } of unreachable) {
          it.scopedLive(`opening ${title} fails with ${reason}`, () => fails(Layer.build(layer), reason), 20_000)
        }
        for (const one of sick) it.live(`${one.title}: ${one.step} fails, and what comes after is skipped`, () => Effect.map(one.report, (report) => isTold(one, report)), 20_000)
      })
    }
  })
}

const isTold = ({ hint, secret, step }: NonNullable<Options["sick"]>[number], report: Doctor.Report): void => {
  const printed = Doctor.render(report)
  assert.strictEqual(report.status, "failed", printed)
  const at = report.steps.findIndex((one) => one.status === "failed")
  assert.strictEqual(report.steps[at]?.name, step, printed)
  assert.include(report.steps[at]?.hint, hint, printed)
  for (const one of report.steps.slice(at + 1)) assert.strictEqual(one.status, "skipped", printed)
  if (secret !== undefined) for (const text of [printed, JSON.stringify(report), inspect(report, { depth: null })]) assert.notInclude(text, secret)
}

/** Asks until the server runs nothing: it sends an answer a moment before it says that the session sleeps. */
const stopped = (running: Effect.Effect<number, SqlError.SqlError>, patience = 2_000): Effect.Effect<void, SqlError.SqlError> =>
  Effect.gen(function*() {
    const until = Date.now() + patience
    let found = Number(yield* running)
    while (found > 0 && Date.now() < until) {
      yield* Effect.sleep(10)
      found = Number(yield* running)
    }
    assert.strictEqual(found, 0, "the server still runs something of ours")
  })

/** Runs one case, and asks its databases afterwards. */
const run = (one: Case.Case, options: Options): Effect.Effect<void, unknown> =>
  Effect.scoped(Effect.gen(function*() {
    const { profile } = options
    const outer = yield* Effect.scope
    const opened: Array<Database.Database> = []
    const bench: Case.Bench = {
      profile,
      build: (config = {}) => Layer.build(Layer.fresh(Layer.merge(options.layer(config), Reactivity.layer))),
      open: (config) =>
        Effect.gen(function*() {
          const db = Context.get(yield* Scope.extend(bench.build(config), outer), Database.Database)
          yield* db.unsafe(profile.sql.things)
          for (const routine of profile.sql.routines ?? []) yield* db.unsafe(routine)
          // Warm and quiet, so that a case which waits for a lease sees its own.
          yield* ids(db)
          yield* accounted(db)
          opened.push(db)
          return db
        })
    }
    const exit = yield* Effect.exit(Effect.scoped(one.run(bench)))
    // A case that failed tells its own failure first.
    if (Exit.isSuccess(exit)) {
      for (const db of opened) {
        yield* accounted(db)
        if (profile.running !== undefined) yield* stopped(profile.running(db))
      }
    }
    yield* exit
  })).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
