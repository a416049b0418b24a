/**
 * The bench of the faults: a server, the database that asks it, proxies. It knows nothing of vitest, so that the soak runs
 * on it as well.
 *
 * @internal
 */
import * as Database from "@sluice/core/Database"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Bench, Config, Endpoint, Options } from "../Faults.js"
import * as LocalServer from "../LocalServer.js"
import * as TcpProxy from "../TcpProxy.js"

/** Starts the server and opens the database that asks. */
export const make = (options: Options): Effect.Effect<Bench, Error, Scope.Scope> =>
  Effect.gen(function*() {
    const { profile } = options
    const texts = profile.faults
    if (texts === undefined || options.server === undefined) return yield* Effect.fail(new Error(`${profile.name} has no server to kill`))
    const server = yield* LocalServer.make(options.server)
    const open = (endpoint: Endpoint, config: Config) =>
      // A pool that is made where interruption is masked has housekeeping that nothing can end.
      Effect.interruptible(Effect.map(Layer.build(Layer.fresh(options.layer(endpoint, config))), (context) => Context.get(context, Database.Database)))
    // The server listens before it serves: opening tries again until then.
    const side = yield* open(server, { pool: { max: 1, validateAfter: 0, acquireTimeout: 30_000 } })
    return {
      profile,
      texts,
      server,
      side,
      proxy: TcpProxy.make(server),
      open: (through, config = {}) => open(through === "directly" ? server : { host: "127.0.0.1", port: through.port }, config),
      sessions: Effect.map(side.unsafe<{ id: number | bigint; running: unknown }>(texts.sessions), (rows) =>
        new Map(rows.map(({ id, running }) => [Number(id), Boolean(running)])))
    }
  })
