/**
 * The phases of one connecting: how far it has come, and when.
 *
 * One for each probe; the dialect tells it, `examine` reads it.
 *
 * @internal
 */
import type { Phase, Watch } from "../../Examination.js"
import type { SqlError } from "../../SqlError.js"
import type { Sheet } from "./Sheet.js"

interface Passed {
  readonly milliseconds: number
  readonly detail: string | undefined
}

export class Phases implements Watch {
  private readonly told = new Map<string, Passed>()
  private at = performance.now()

  constructor(private readonly phases: ReadonlyArray<Phase>) {}

  readonly begin = (): void => {
    this.told.clear()
    this.at = performance.now()
  }

  readonly passed = (phase: string, detail?: string): void => {
    const known = this.told.get(phase)
    const now = performance.now()
    this.told.set(phase, { milliseconds: known?.milliseconds ?? now - this.at, detail })
    if (known === undefined) this.at = now
  }

  /** Milliseconds since the last phase was over. */
  get elapsed(): number {
    return performance.now() - this.at
  }

  /** Writes the phases down as steps: all of them are over, or one has failed. */
  write(sheet: Sheet, endpoint: string, error: SqlError | undefined): void {
    const { elapsed, phases } = this
    const last = phases.length - 1
    const failing = error === undefined ? phases.length : this.failing(error)
    for (const [index, { name, skipped }] of phases.entries()) {
      const passed = this.told.get(name)
      if (passed !== undefined) sheet.done(name, endpoint, passed.milliseconds, passed)
      else if (index === failing && error !== undefined) sheet.failed(name, endpoint, elapsed, error)
      else if (index > failing) sheet.skipped(name, endpoint, `${phases[failing]?.name} failed`)
      else if (skipped !== undefined) sheet.skipped(name, endpoint, skipped)
      else if (index === last) sheet.done(name, endpoint, elapsed, {})
      else sheet.skipped(name, endpoint, error === undefined ? "the connection came without it" : "not reached")
    }
  }

  // What the server itself says, and what is wrong with a secret, is about the login, however early it comes.
  private failing({ reason }: SqlError): number {
    const last = this.phases.length - 1
    if (reason._tag !== "ConnectionError" || reason.sqlState !== undefined) return last
    const reached = this.phases.findLastIndex(({ name }) => this.told.has(name))
    const next = this.phases.findIndex(({ skipped }, index) => index > reached && skipped === undefined)
    return next === -1 ? last : next
  }
}
