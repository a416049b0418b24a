/**
 * Doctor: what stands between an app and its database, as timed steps, each with a hint where it is not well.
 *
 * It changes nothing, shows no secret and never hangs. The order, the times, the verdicts and the hints are the same for all
 * dialects; what each lets be examined is an `Examination`. Reached by `db.doctor`, and before there is a database by the
 * dialect's own `doctor(config)`.
 *
 * @since 0.1.0
 */
import * as Console from "effect/Console"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Examination } from "./Examination.js"
import { current, ofConfig } from "./internal/doctor/examine.js"
import * as Rendering from "./internal/doctor/render.js"
import type * as Pool from "./Pool.js"
import type * as Reason from "./Reason.js"
import type * as SqlError from "./SqlError.js"

/**
 * How a step went: `slow` is beyond its threshold, `skipped` did not apply or could not be tried.
 *
 * @example
 * ```ts
 * import type { Doctor } from "@sluice/core"
 *
 * const isWell = (status: Doctor.Status) => status === "ok" || status === "skipped"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Status = "ok" | "slow" | "failed" | "skipped"

/**
 * One step of an examination.
 *
 * @example
 * ```ts
 * import type { Doctor } from "@sluice/core"
 *
 * const line = (step: Doctor.Step) => `${step.name}: ${step.status} ${step.hint ?? ""}`
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Step {
  /** What was tried: `config`, `DNS`, `TCP`, `TLS`, `login`, `version`, `permissions`, `round trip`, `pool`, or what a dialect has beside them. */
  readonly name: string
  /** The server that it was tried on; `undefined` where it is about no single one. */
  readonly endpoint: string | undefined
  /** How it went. */
  readonly status: Status
  /** How long it took; 0 where it was skipped. */
  readonly milliseconds: number
  /** What was found, what failed, or why it was skipped. */
  readonly detail: string | undefined
  /** What to do about it, or to know of it. */
  readonly hint: string | undefined
  /** Of a failure, its reason. */
  readonly reason: Reason.Tag | undefined
}

/**
 * An examination: its steps in order. It is plain data, without errors in it, and without secrets.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const isWell = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   const report = yield* db.doctor
 *   return report.status !== "failed"
 * })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  /** The name of the dialect. */
  readonly dialect: string
  /** The worst of the steps. */
  readonly status: Exclude<Status, "skipped">
  /** In the order in which they were tried. */
  readonly steps: ReadonlyArray<Step>
  /** The pool's counts afterwards; `undefined` where there is no pool yet. */
  readonly pool: Pool.Stats | undefined
}

/**
 * When a step is slow, and how long it may take.
 *
 * @example
 * ```ts
 * import type { Doctor } from "@sluice/core"
 *
 * const options: Doctor.Options = { slow: { "round trip": "20 millis" }, timeout: "2 seconds" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /**
   * Beyond this a step is slow, by its name. Default: DNS, round trip and pool 100 ms, TCP, version and permissions 200 ms, TLS 300 ms, all
   * others 500 ms.
   */
  readonly slow?: Readonly<Record<string, Duration.DurationInput>> | undefined
  /** Beyond this a step has failed, each for itself. Default 5 seconds. */
  readonly timeout?: Duration.DurationInput | undefined
}

/**
 * Examines what is not a database yet: for a dialect's own `doctor(config)`. What the examination fails with is the step `config`.
 *
 * @example
 * ```ts
 * import { Doctor, Examination, SqlError } from "@sluice/core"
 * import type { Effect } from "effect"
 *
 * const doctor = (examination: Effect.Effect<Examination.Examination, SqlError.SqlError>) => Doctor.run("mysql", examination)
 * ```
 *
 * @category dialects
 * @since 0.1.0
 */
export const run = (dialect: string, examination: Effect.Effect<Examination, SqlError.SqlError>): Effect.Effect<Report> =>
  ofConfig(dialect, examination)

/**
 * Examines with other thresholds: `db.doctor` as well as a dialect's `doctor(config)`. An option that cannot work is a failed step.
 *
 * @example
 * ```ts
 * import { Database, Doctor } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const strict = Effect.flatMap(Database.Database, (db) => db.doctor).pipe(Doctor.withOptions({ slow: { "round trip": 5 } }))
 * ```
 *
 * @category operators
 * @since 0.1.0
 */
export const withOptions = (options: Options) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => Effect.locally(self, current, options)

/**
 * A report to be read: aligned, in ASCII, whatever the server said.
 *
 * @example
 * ```ts
 * import { Database, Doctor } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const text = Effect.flatMap(Database.Database, (db) => Effect.map(db.doctor, Doctor.render))
 * ```
 *
 * @category printing
 * @since 0.1.0
 */
export const render = (report: Report): string => Rendering.render(report)

/**
 * Prints a report to the console.
 *
 * @example
 * ```ts
 * import { Database, Doctor } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.flatMap(Database.Database, (db) => Effect.flatMap(db.doctor, Doctor.print))
 * ```
 *
 * @category printing
 * @since 0.1.0
 */
export const print = (report: Report): Effect.Effect<void> => Console.log(render(report))
