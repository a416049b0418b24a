/**
 * What a closed breaker counts: failures in a row, or their rate in a window.
 *
 * It decides whether a failure opens the breaker, and has no clock: times are given, in milliseconds. Called by `Breaker`.
 *
 * @internal
 */
import type { Settings } from "./config.js"

export interface Tally {
  /** Whether `succeeded` needs the time. */
  readonly isTimed: boolean
  /** How many failures were noted since the last success or `clear`; 0 lets a success pass untimed tallies by. */
  failures: number
  /** Notes a failure, and says whether it opens the breaker. */
  readonly failed: (now: number) => boolean
  readonly succeeded: (now: number) => void
  /** The failures that count now. */
  readonly current: (now: number) => number
  readonly clear: () => void
}

export const makeTally = (settings: Settings): Tally =>
  typeof settings.threshold === "number"
    ? new Streak(settings.threshold, settings.forgetAfter)
    : new Rate(settings.threshold.rate, settings.threshold.window, settings.threshold.minimum)

class Streak implements Tally {
  readonly isTimed = false
  failures = 0
  private last = 0

  constructor(private readonly threshold: number, private readonly forgetAfter: number) {}

  failed(now: number): boolean {
    this.failures = this.current(now) + 1
    this.last = now
    return this.failures >= this.threshold
  }

  succeeded(): void {
    this.failures = 0
  }

  current(now: number): number {
    return now - this.last >= this.forgetAfter ? 0 : this.failures
  }

  clear(): void {
    this.failures = 0
  }
}

/** How many slices a window has. A slice is reused as a whole, so the window is exact to one of them. */
const slices = 10

class Rate implements Tally {
  readonly isTimed = true
  failures = 0
  private readonly calls = new Array<number>(slices).fill(0)
  private readonly bad = new Array<number>(slices).fill(0)
  private total = 0
  private slice = 0
  private readonly width: number

  constructor(private readonly rate: number, window: number, private readonly minimum: number) {
    this.width = window / slices
  }

  failed(now: number): boolean {
    this.note(now, 1)
    return this.total >= this.minimum && this.failures >= this.rate * this.total
  }

  succeeded(now: number): void {
    this.note(now, 0)
  }

  current(now: number): number {
    this.advance(now)
    return this.failures
  }

  clear(): void {
    this.calls.fill(0)
    this.bad.fill(0)
    this.total = 0
    this.failures = 0
  }

  private note(now: number, failure: 0 | 1): void {
    this.advance(now)
    const at = this.slice % slices
    this.calls[at]! += 1
    this.bad[at]! += failure
    this.total += 1
    this.failures += failure
  }

  private advance(now: number): void {
    const slice = Math.floor(now / this.width)
    for (let next = Math.max(this.slice + 1, slice - slices + 1); next <= slice; next++) {
      const at = next % slices
      this.total -= this.calls[at]!
      this.failures -= this.bad[at]!
      this.calls[at] = 0
      this.bad[at] = 0
    }
    this.slice = Math.max(this.slice, slice)
  }
}
