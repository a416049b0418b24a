/**
 * The fault suite: what a dialect with a server must hold when the network or the server fails. Beside `Conformance`,
 * and for the same dialects.
 *
 * The cases are in `suites/faults`, as data; here they get a server of their own, which they kill, a proxy that does what
 * networks do, and a database straight to the server that asks afterwards what really happened. When a case has ended,
 * no session of it may be left on the server. Called by a dialect's own tests.
 *
 * @since 0.1.0
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Case from "./Case.js"
import { accounted, eventually } from "./internal/asking.js"
import { make as makeBench } from "./internal/bench.js"
import { laws } from "./Law.js"
import type * as LocalServer from "./LocalServer.js"
import type * as Profile from "./Profile.js"
import { cases } from "./suites/faults/all.js"
import type * as TcpProxy from "./TcpProxy.js"

/**
 * Where a database is reached.
 *
 * @example
 * ```ts
 * import type { Faults } from "@sluice/testkit"
 *
 * const endpoint: Faults.Endpoint = { host: "127.0.0.1", port: 3306 }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Endpoint {
  /** A name or an address. */
  readonly host: string
  /** A port of it. */
  readonly port: number
}

/**
 * What the cases set: what every database knows, and the timeout of connecting, which every dialect with a server has.
 *
 * @example
 * ```ts
 * import type { Faults } from "@sluice/testkit"
 *
 * const config: Faults.Config = { connectTimeout: 250, pool: { max: 2, cancelTimeout: 300 } }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Config extends Database.Config {
  /** How long one connecting may take, the login included. */
  readonly connectTimeout?: Duration.DurationInput | undefined
}

/**
 * How the suite reaches a dialect.
 *
 * @example
 * ```ts
 * import type { Faults } from "@sluice/testkit"
 * import { mariadb } from "@sluice/testkit/profiles/mysql"
 * import { mariadb as server } from "@sluice/testkit/servers/mariadb"
 * import { Mysql } from "@sluice/mysql"
 *
 * const options: Faults.Options = {
 *   profile: mariadb,
 *   server,
 *   layer: (endpoint, config) => Mysql.layer({ username: "root", database: "test", ...endpoint, ...config })
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The dialect; its `faults` must be there. */
  readonly profile: Profile.Profile
  /** How a server of the suite's own is started; `undefined` where it is not installed. */
  readonly server: LocalServer.Options | undefined
  /** A database of that server, reached at the endpoint, with this config. */
  readonly layer: (endpoint: Endpoint, config: Config) => Layer.Layer<Database.DatabaseId | SqlClient.SqlClient, SqlError.SqlError>
}

/**
 * What a fault case gets. Databases, proxies and what else has a scope end with the case.
 *
 * @example
 * ```ts
 * import type { Faults } from "@sluice/testkit"
 * import { Effect } from "effect"
 *
 * const run = (bench: Faults.Bench) =>
 *   Effect.gen(function*() {
 *     const proxy = yield* bench.proxy
 *     const db = yield* bench.open(proxy, { pool: { max: 1 } })
 *     yield* proxy.set({ kind: "latency", milliseconds: 20 })
 *     yield* db.ping
 *   })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Bench {
  /** The dialect that is asked. */
  readonly profile: Profile.Profile
  /** Its SQL for sessions. */
  readonly texts: Profile.FaultTexts
  /** The server: it runs when a case begins, and has an empty table `things`. */
  readonly server: LocalServer.LocalServer
  /** A database straight to the server, which asks afterwards what really happened. */
  readonly side: Database.Database
  /** A proxy to the server. */
  readonly proxy: Effect.Effect<TcpProxy.TcpProxy, never, Scope.Scope>
  /** A database of the server, straight or through a proxy. */
  readonly open: (
    through: TcpProxy.TcpProxy | "directly",
    config?: Config
  ) => Effect.Effect<Database.Database, SqlError.SqlError, Scope.Scope>
  /** The sessions on the server besides the one that asks, by their ids; `true` where a statement runs. */
  readonly sessions: Effect.Effect<ReadonlyMap<number, boolean>, SqlError.SqlError>
}

/**
 * Declares the suite for one dialect, in a test file of vitest. Without a server to start, its cases are skipped with a
 * loud line, and fail where `CI` is `true`.
 *
 * @example
 * ```ts
 * import { Faults } from "@sluice/testkit"
 * import { mariadb } from "@sluice/testkit/profiles/mysql"
 * import { mariadb as server } from "@sluice/testkit/servers/mariadb"
 * import { Mysql } from "@sluice/mysql"
 *
 * const declare = () =>
 *   Faults.faults("mariadb", {
 *     profile: mariadb,
 *     server,
 *     layer: (endpoint, config) => Mysql.layer({ username: "root", database: "test", ...endpoint, ...config })
 *   })
 * ```
 *
 * @category suites
 * @since 0.1.0
 */
export const faults = (name: string, options: Options): void => {
  const isMissing = options.server === undefined && process.env["CI"] !== "true"
  if (isMissing) process.stderr.write(`\n!!! ${name} is not installed: its fault cases are SKIPPED\n\n`)
  const applying = cases.filter((one) => Case.exemption(one, options.profile) === undefined)
  describe.skipIf(isMissing)(`${name}, when networks and servers fail`, () => {
    const scope = Effect.runSync(Scope.make())
    let bench: Bench | undefined
    beforeAll(async () => {
      bench = await Effect.runPromise(Scope.extend(makeBench(options), scope))
    }, 60_000)
    afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)), 30_000)
    for (const [law, { promise }] of Object.entries(laws)) {
      const own = applying.filter((one) => one.law === law)
      if (own.length === 0) continue
      describe(`${law} ${promise}`, () => {
        for (const one of own) {
          it.live(one.title, () => bench === undefined ? Effect.dieMessage("no server") : run(one, bench), one.within ?? 20_000)
        }
      })
    }
  })
}

/**
 * Starts the server and opens the database that asks: what `faults` gives its cases, for those who drive it otherwise.
 *
 * @example
 * ```ts
 * import { Faults } from "@sluice/testkit"
 * import { Effect } from "effect"
 *
 * const sessions = (options: Faults.Options) =>
 *   Effect.scoped(Effect.flatMap(Faults.make(options), (bench) => bench.sessions))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (options: Options) => Effect.Effect<Bench, Error, Scope.Scope> = makeBench

/** Runs one case, and asks the server afterwards. */
const run = (one: Case.Case<Bench>, bench: Bench): Effect.Effect<void, unknown> =>
  Effect.gen(function*() {
    yield* bench.server.start
    yield* bench.side.unsafe("DROP TABLE IF EXISTS things")
    yield* bench.side.unsafe(bench.profile.sql.things)
    const opened: Array<Database.Database> = []
    const watched: Bench = { ...bench, open: (through, config) => Effect.tap(bench.open(through, config), (db) => Effect.sync(() => opened.push(db))) }
    yield* Effect.scoped(Effect.zipRight(one.run(watched), Effect.suspend(() => Effect.forEach(opened, (db) => accounted(db), { discard: true }))))
    yield* eventually(Effect.map(bench.sessions, (all) => all.size === 0), "the end of every session")
    assert.isAtMost((yield* bench.side.pool.stats).size, 1)
  }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
