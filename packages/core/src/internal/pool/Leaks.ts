/**
 * Leaks: connections that are held longer than `leakAfter`, reported with the place that took them (law P7).
 *
 * A stack costs microseconds, so none is taken unless leaks are looked for. Called by `Lending` and by housekeeping.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Entry } from "./State.js"

export class Leaks<C> {
  count = 0

  constructor(
    private readonly name: string,
    private readonly leakAfter: number,
    private readonly fork: (effect: Effect.Effect<unknown>) => void
  ) {}

  /** Notes where a lease is taken. */
  track(entry: Entry<C>): void {
    if (Number.isFinite(this.leakAfter)) entry.place = new Error().stack?.split("\n").slice(2).join("\n")
  }

  report(lent: Iterable<Entry<C>>, now: number): void {
    for (const entry of lent) {
      if (entry.reported || entry.place === undefined || now - entry.lentAt < this.leakAfter) continue
      entry.reported = true
      this.count++
      this.fork(Effect.logWarning(
        `${this.name}: a connection is held for ${now - entry.lentAt} ms, longer than leakAfter; it was taken\n${entry.place}`
      ))
    }
  }

  returned(entry: Entry<C>, now: number): void {
    entry.place = undefined
    if (!entry.reported) return
    entry.reported = false
    this.fork(Effect.logInfo(`${this.name}: the connection that was held for too long came back after ${now - entry.lentAt} ms`))
  }
}
