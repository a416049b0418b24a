/**
 * Housekeeping: what a pool does by the clock. Closes what idles too long or is too old, keeps idle sessions alive,
 * restores `min` and `minIdle`, reports leaks.
 *
 * It runs as one fiber of the pool and ends with it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Connection } from "../../Connection.js"
import * as SqlError from "../../SqlError.js"
import { bounded } from "../../Bounded.js"
import type { Lending } from "./Lending.js"
import { unanswered } from "./refusals.js"

/** The longest sleep between two rounds, as HikariCP's housekeeping period. */
const period = 30_000

export const housekeeping = <C extends Connection>(lending: Lending<C>): Effect.Effect<void> => {
  const { idleTimeout, keepAlive, leakAfter, maxLifetime } = lending.settings
  // A round comes at least twice within the shortest of the durations that it serves.
  const interval = Math.max(10, Math.min(period, Math.min(idleTimeout, keepAlive, leakAfter, maxLifetime) / 2))
  return Effect.forever(Effect.zipRight(Effect.sleep(interval), round(lending)))
}

const round = <C extends Connection>(lending: Lending<C>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const now = lending.now
    for (const entry of lending.state.stale(now, lending.settings.idleTimeout)) lending.discard(entry, "graceful")
    lending.leaks.report(lending.state.lent, now)
    lending.restock()
    return keepAlive(lending, now)
  })

// A borrowed connection needs no keep-alive; an idle one is borrowed for its ping, so that nobody else gets it meanwhile.
const keepAlive = <C extends Connection>(lending: Lending<C>, now: number): Effect.Effect<void> => {
  const late = (): SqlError.SqlError => SqlError.make(unanswered("ping", lending.settings.cancelTimeout))
  return Effect.forEach(
    lending.state.quiet(now, lending.settings.keepAlive),
    (entry) => {
      const { idleSince } = entry
      return Effect.matchCause(bounded(entry.connection.ping, lending.settings.cancelTimeout, late), {
        onSuccess: () => {
          lending.release(entry)
          // A ping is no use: `idleTimeout` goes on counting.
          if (entry.status === "idle") entry.idleSince = idleSince
        },
        onFailure: (cause) => {
          lending.hooks?.failed(cause, { phase: "ping", connection: entry.connection })
          lending.discard(entry, "destroy")
        }
      })
    },
    { discard: true }
  )
}
