/**
 * Fake hosts: servers with a role each, and one pool over several of them. Called by the tests of hosts.
 */
import * as Effect from "effect/Effect"
import type * as EffectScope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as Hosts from "../src/Hosts.js"
import type * as Pool from "../src/Pool.js"
import type * as SqlError from "../src/SqlError.js"
import { type FakeConnection, FakeServer, hold } from "./fake.js"

export const primary: Hosts.Role = { isStandby: false, isReadOnly: false }
export const standby: Hosts.Role = { isStandby: true, isReadOnly: true }
export const readOnlyPrimary: Hosts.Role = { isStandby: false, isReadOnly: true }

/** A server with a role, and with what its connections call when it refuses to write. */
export class Host extends FakeServer {
  asked = 0
  mute = false
  demoted: (() => void) | undefined = undefined

  constructor(readonly name: string, public role: Hosts.Role) {
    super()
  }
}

export const [a, b, c] = ["a:1", "b:1", "c:1"] as const

/** The host of a connection. */
const of = ({ server }: FakeConnection): Host => {
  if (server instanceof Host) return server
  throw new Error("a connection of these tests is a host's")
}

/** A pool over these, which wants the primary where nothing else is said. */
export const pool = (
  hosts: ReadonlyArray<Host>,
  config: Partial<Hosts.Options<FakeConnection, Host>> = {}
): Effect.Effect<Pool.Pool<FakeConnection>, SqlError.SqlError, EffectScope.Scope> =>
  Hosts.pool<FakeConnection, Host>({
    name: "orders",
    lazy: true,
    closeTimeout: 0,
    targetSessionAttrs: "primary",
    endpoints: hosts.map((host) => ({ label: host.name, endpoint: host })),
    connect: (host, demoted) => {
      host.demoted = demoted
      return host.mute ? Effect.zipRight(Effect.sync(() => host.attempts++), Effect.never) : host.connect
    },
    role: (connection) => Effect.sync(() => {
      const host = of(connection)
      host.asked++
      return host.role
    }),
    ...config
  })

/** What goes on in the background has its turn: resets, closings, sweeps. */
export const calm = TestClock.adjust(1)

export const hostOf = (connection: FakeConnection) => of(connection).name

export const attempts = (hosts: ReadonlyArray<Host>) => hosts.map((host) => host.attempts)

/** So many connections at once, each to its host's name. */
export const take = (pool: Pool.Pool<FakeConnection>, count: number) => Effect.all(Array.from({ length: count }, () => hold(pool)), { concurrency: "unbounded" })

/** Hosts of these roles, by the names `a`, `b` and `c`. */
export const named = (roles: ReadonlyArray<Hosts.Role>) => roles.map((role, index) => new Host([a, b, c][index]!, role))
