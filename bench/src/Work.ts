/**
 * Work: so many items of one kind, timed. A sample is its rate, and the CPU time of the whole process per item.
 *
 * The CPU time counts every thread, so a worker's share is in it. Called by the measurements.
 */
import * as Effect from "effect/Effect"

/** Does so many items. */
export type Work<E = unknown, R = never> = (items: number) => Effect.Effect<unknown, E, R>

export interface Sample {
  /** Items per second. */
  readonly rate: number
  /** Microseconds of CPU per item. */
  readonly cpu: number
}

/** Times some items; `before` is not timed. */
export const timed = <E, R, E2 = never, R2 = never>(
  work: Work<E, R>,
  items: number,
  before?: Effect.Effect<unknown, E2, R2>
): Effect.Effect<Sample, E | E2, R | R2> =>
  Effect.gen(function*() {
    if (before !== undefined) yield* before
    const cpu = process.cpuUsage()
    const start = performance.now()
    yield* work(items)
    const milliseconds = performance.now() - start
    const { system, user } = process.cpuUsage(cpu)
    return { rate: items / milliseconds * 1_000, cpu: (user + system) / items }
  })

// The collection before a turn throws compiled code away, too: the first items cost three times as much, more where there is
// more code, and on a busy machine half a second is not many more than those.
const uncounted = 2_000
const least = 4_000

// Rows that are loaded before each turn: the collection before it throws compiled code away, which a native client does not have.
const rowsUncounted = 5_000

/** Times a load into what is empty; some rows are loaded before, and not counted. */
export const loading = <E, R, E2, R2>(work: Work<E, R>, rows: number, emptied: Effect.Effect<unknown, E2, R2>): Effect.Effect<Sample, E | E2, R | R2> =>
  timed(work, rows, Effect.all([emptied, work(Math.min(rows, rowsUncounted)), emptied]))

/** Warms up, and finds how many items take about so many milliseconds; each time begins with items that are not counted. */
export const calibrated = <E, R>(work: Work<E, R>, milliseconds = 500): Effect.Effect<Effect.Effect<Sample, E, R>, E, R> =>
  Effect.gen(function*() {
    let items = 500
    for (;;) {
      const { rate } = yield* timed(work, items)
      const taken = items / rate * 1_000
      if (taken >= milliseconds / 2) return timed(work, Math.max(least, Math.ceil(rate * milliseconds / 1_000)), work(uncounted))
      items *= taken < milliseconds / 8 ? 4 : 2
    }
  })

/** Fibers that live as long as the work and share its items; none is forked per item. */
export const fibers = <E, R>(count: number, item: (index: number) => Effect.Effect<unknown, E, R>): Work<E, R> => (items) => {
  const loop = (fiber: number) =>
    Effect.gen(function*() {
      for (let i = fiber; i < items; i += count) yield* item(i)
    })
  return count === 1
    ? loop(0)
    : Effect.forEach(Array.from({ length: count }, (_, fiber) => loop(fiber)), (loop) => loop, { concurrency: "unbounded", discard: true })
}
