/**
 * A progress bar: rows, rows per second, time left. Plain lines, two seconds apart, where there is no terminal.
 *
 * Called by `quickstart`.
 */
import { Effect } from "effect"

const width = 28

/** A bar for a known number of rows; give it the rows so far. `Infinity` ends it. */
export const make = (label: string, total: number): ((rows: number) => Effect.Effect<void>) => {
  const start = performance.now()
  const terminal = process.stdout.isTTY === true
  const interval = terminal ? 100 : 2_000
  let last = start
  let ended = false
  return (rows) =>
    Effect.sync(() => {
      const now = performance.now()
      const done = Math.min(rows, total)
      const isLast = done === total
      if (ended || (!isLast && now - last < interval)) return
      ended = isLast
      last = now
      const seconds = (now - start) / 1000
      const rate = done / Math.max(seconds, 0.001)
      const left = isLast ? `${seconds.toFixed(1)} s` : `${Math.ceil((total - done) / Math.max(rate, 1))} s left`
      const filled = Math.round((done / Math.max(total, 1)) * width)
      const bar = terminal ? ` [${"#".repeat(filled)}${"-".repeat(width - filled)}]` : ""
      const line = `${label}${bar} ${done.toLocaleString("en")} of ${total.toLocaleString("en")} rows, ${Math.round(rate).toLocaleString("en")} rows/s, ${left}`
      process.stdout.write(terminal ? `\r${line.padEnd(process.stdout.columns ?? 100)}${isLast ? "\n" : ""}` : `${line}\n`)
    })
}
