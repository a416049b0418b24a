/**
 * A sheet: the steps that an examination has taken, with their times and verdicts.
 *
 * It decides what is slow and adds the hints. What is tried, and in which order, is `examine`'s. One for each examination.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Options, Report, Step } from "../../Doctor.js"
import type { Examination, Finding } from "../../Examination.js"
import { type Checked, millis } from "../../Options.js"
import type * as Pool from "../../Pool.js"
import * as Reason from "../../Reason.js"
import * as SqlError from "../../SqlError.js"
import { bounded } from "../../Bounded.js"
import { hintOf } from "./hints.js"

export interface Settings {
  /** Milliseconds, by the step's name. */
  readonly slow: Readonly<Record<string, number>>
  /** Milliseconds for each step. */
  readonly timeout: number
}

const defaults: Readonly<Record<string, number>> = { DNS: 100, "round trip": 100, pool: 100, TCP: 200, version: 200, permissions: 200, TLS: 300 }

export const settings = (options: Options): Checked<Settings> =>
  Either.gen(function*() {
    const slow: Record<string, number> = { ...defaults }
    for (const [name, duration] of Object.entries(options.slow ?? {})) slow[name] = yield* millis(`slow.${name}`, duration, 0, "zero")
    return { slow, timeout: yield* millis("timeout", options.timeout, 5_000) }
  })

export class Sheet {
  readonly steps: Array<Step> = []
  /** What only the dialect knows of an error. */
  hint: Examination["hint"] = () => undefined

  constructor(readonly settings: Settings) {}

  /** A step that went well, in this time. */
  done(name: string, endpoint: string | undefined, milliseconds: number, { detail, hint, problem }: Finding): void {
    const isSlow = milliseconds > (this.settings.slow[name] ?? 500)
    this.steps.push({
      name,
      endpoint,
      status: problem !== undefined ? "failed" : isSlow ? "slow" : "ok",
      milliseconds,
      detail,
      hint: problem ?? hint ?? (isSlow ? `slower than ${this.settings.slow[name] ?? 500} ms` : undefined),
      reason: undefined
    })
  }

  failed(name: string, endpoint: string | undefined, milliseconds: number, error: SqlError.SqlError, hint?: string): void {
    const { _tag, message } = error.reason
    this.steps.push({ name, endpoint, status: "failed", milliseconds, detail: message, hint: hint ?? this.hint(error) ?? hintOf(error.reason, endpoint), reason: _tag })
  }

  skipped(name: string, endpoint: string | undefined, why: string): void {
    this.steps.push({ name, endpoint, status: "skipped", milliseconds: 0, detail: why, hint: undefined, reason: undefined })
  }

  /** Takes a step, within its time: what it failed with. With `late`, a step that is not over in time is slow. */
  timed<R>(
    name: string,
    endpoint: string | undefined,
    step: Effect.Effect<Finding, SqlError.SqlError, R>,
    { hint, late }: { readonly late?: string | undefined; readonly hint?: (() => string | undefined) | undefined } = {}
  ): Effect.Effect<SqlError.SqlError | undefined, never, R> {
    return Effect.suspend(() => {
      const start = performance.now()
      const overdue = unanswered(this.settings.timeout)
      // A dialect's mistake is a step that failed, too.
      const typed = Effect.catchAllDefect(step, (defect) => Effect.fail(SqlError.refine(defect)))
      return Effect.match(bounded(typed, this.settings.timeout, () => overdue), {
        onSuccess: (finding) => {
          this.done(name, endpoint, performance.now() - start, finding)
          return undefined
        },
        onFailure: (error) => {
          const milliseconds = performance.now() - start
          if (error !== overdue || late === undefined) this.failed(name, endpoint, milliseconds, error, hint?.())
          else this.steps.push({ name, endpoint, status: "slow", milliseconds, detail: `not over within ${this.settings.timeout} ms`, hint: late, reason: undefined })
          return error
        }
      })
    })
  }

  report(dialect: string, pool: Pool.Stats | undefined): Report {
    const has = (status: Step["status"]): boolean => this.steps.some((step) => step.status === status)
    return { dialect, status: has("failed") ? "failed" : has("slow") ? "slow" : "ok", steps: this.steps, pool }
  }
}

/** Nobody answered in time. */
export const unanswered = (milliseconds: number): SqlError.SqlError =>
  SqlError.make(new Reason.ConnectionError({ message: `no answer within ${milliseconds} ms`, code: "ETIMEDOUT", operation: "doctor", connection: "broken", outcome: "not-applied" }))
