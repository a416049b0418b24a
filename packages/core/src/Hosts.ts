/**
 * Hosts: one pool over several servers of which some are primaries and some standbys. It connects to one that has the
 * role that is wanted, lets one that failed cool down, and empties the pool of a server that lost its role.
 *
 * It knows no dialect: how to connect and how to ask for a role come from outside. It routes no statement either: reads on
 * replicas are `Database.withReplicas`. Made by a dialect's layer, in the place of `Pool.make`.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import type { Connection } from "./Connection.js"
import type { Dialect } from "./Dialect.js"
import type { Host } from "./ConnectionString.js"
import { Hosts, Known } from "./internal/hosts/Known.js"
import { Seeking } from "./internal/hosts/Seeking.js"
import * as Parse from "./internal/hosts/parse.js"
import { type Checked, millis, refuse } from "./Options.js"
import * as Pool from "./Pool.js"
import type { SqlError } from "./SqlError.js"

/**
 * Which servers will do, with the words and meanings of libpq's `target_session_attrs`: `any` server; one whose session
 * may write (`read-write`) or may not (`read-only`); one that is the `primary`, or a `standby`; `prefer-standby` takes a
 * primary where no standby can be had.
 *
 * @example
 * ```ts
 * import type { Hosts } from "@sluice/core"
 *
 * const target: Hosts.TargetSessionAttrs = "read-write"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type TargetSessionAttrs = "any" | "read-write" | "read-only" | "primary" | "standby" | "prefer-standby"

/**
 * The settings of a database with several hosts, the same in every dialect.
 *
 * @example
 * ```ts
 * import type { Hosts } from "@sluice/core"
 *
 * const config: Hosts.Config = {
 *   hosts: ["db1.example.com", "db2.example.com:3307", { host: "db3.example.com" }],
 *   targetSessionAttrs: "primary",
 *   hostCoolDown: "10 seconds"
 * }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Config {
  /**
   * The servers, in the order in which they are tried, in the place of `host`: `name`, `name:port`, `[IPv6]:port`, or a
   * record. One without a port has the database's `port`. A primary that was found is stayed with while it serves.
   */
  readonly hosts?: ReadonlyArray<string | { readonly host: string; readonly port?: number | undefined }> | undefined
  /** Which of them will do. Default `any`, as in libpq. */
  readonly targetSessionAttrs?: TargetSessionAttrs | undefined
  /** `random`: each connection tries them in an order of its own. Default `disable`, the given one, as in libpq. */
  readonly loadBalanceHosts?: "disable" | "random" | undefined
  /**
   * How long a server that failed, or has the wrong role, is tried only after all others. Default 30 seconds, as MySQL
   * Connector/J's `secondsBeforeRetrySource`. When no other will do it is tried all the same.
   */
  readonly hostCoolDown?: Duration.DurationInput | undefined
}

/**
 * What a server says of itself. A standby is always read-only; a primary may be set to it.
 *
 * @example
 * ```ts
 * import type { Hosts } from "@sluice/core"
 *
 * const role: Hosts.Role = { isStandby: false, isReadOnly: false }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Role {
  /** It follows a primary. */
  readonly isStandby: boolean
  /** A session on it may not write. */
  readonly isReadOnly: boolean
}

/**
 * What `pool` needs: a pool's options, the settings of the hosts with their endpoints, and the dialect's two ways.
 *
 * @example
 * ```ts
 * import type { Connection, Hosts, SqlError } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const options = (open: (endpoint: string) => Effect.Effect<Connection.Connection, SqlError.SqlError>): Hosts.Options<Connection.Connection, string> => ({
 *   name: "orders",
 *   endpoints: [{ label: "a:1", endpoint: "a:1" }, { label: "b:1", endpoint: "b:1" }],
 *   targetSessionAttrs: "primary",
 *   connect: (endpoint) => open(endpoint),
 *   role: () => Effect.succeed({ isStandby: false, isReadOnly: false })
 * })
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options<C extends Connection, E> extends Pool.Config, Pick<Pool.Options, "lanes">, Omit<Config, "hosts"> {
  /** Names the pool in errors, logs and metrics. */
  readonly name: string
  /** The dialect of its connections, for `ErrorHook`. */
  readonly dialect?: Dialect | undefined
  /** Where to connect, in order, at least one; `label` names it in errors. */
  readonly endpoints: ReadonlyArray<{ readonly label: string; readonly endpoint: E }>
  /**
   * Opens a connection to one of them. `demoted` is there where writes are wanted: to be called when a statement was
   * refused because the server is read-only. `opened` is to be called the moment the connection is there, as in
   * `Pool.Options`.
   */
  readonly connect: (endpoint: E, demoted: (() => void) | undefined, opened: (connection: C) => void) => Effect.Effect<C, SqlError>
  /** Asks a fresh connection for its server's role; not asked where any will do. */
  readonly role: (connection: C) => Effect.Effect<Role, SqlError>
}

/**
 * Makes a pool whose connections go to those of the hosts that will do; otherwise as `Pool.make`.
 *
 * A host that cannot be reached, refuses, or has the wrong role is passed over. A refused login, or a database that is not there,
 * is the answer, and no other host is asked. When none will do, the ConnectionError says what each of them said. All of
 * them together are tried within `acquireTimeout`.
 *
 * When another host has become the primary, or a server refuses to write, the connections to the server of before are
 * closed: idle ones at once, those in use when they come back.
 *
 * @example
 * ```ts
 * import { type Connection, Hosts, type SqlError } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const pool = (open: (endpoint: string) => Effect.Effect<Connection.Connection, SqlError.SqlError>) =>
 *   Hosts.pool({
 *     name: "orders",
 *     endpoints: ["a:1", "b:1"].map((endpoint) => ({ label: endpoint, endpoint })),
 *     targetSessionAttrs: "standby",
 *     loadBalanceHosts: "random",
 *     connect: (endpoint) => open(endpoint),
 *     role: () => Effect.succeed({ isStandby: true, isReadOnly: true })
 *   })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const pool = <C extends Connection, E>(options: Options<C, E>): Effect.Effect<Pool.Pool<C>, SqlError, Scope.Scope> =>
  Effect.gen(function*() {
    const { connect, endpoints, role, targetSessionAttrs = "any", ...rest } = options
    const first = endpoints[0]
    if (first === undefined) return yield* refuse("hosts", "must name at least one host")
    if (!targets.includes(targetSessionAttrs)) return yield* refuse("targetSessionAttrs", `must be one of ${targets.join(", ")}`)
    const balance = options.loadBalanceHosts ?? "disable"
    if (balance !== "disable" && balance !== "random") return yield* refuse("loadBalanceHosts", `must be disable or random, was ${JSON.stringify(balance)}`)
    const coolDown = yield* millis("hostCoolDown", options.hostCoolDown, 30_000, "zero")
    if (endpoints.length === 1 && targetSessionAttrs === "any") {
      return yield* Pool.make<C>({ ...rest, connect: (opened) => connect(first.endpoint, undefined, opened) })
    }
    const known = endpoints.map(({ endpoint, label }) => new Known(endpoint, label))
    const acquireTimeout = yield* millis("pool.acquireTimeout", options.acquireTimeout, 30_000)
    const clock = yield* Effect.clock
    let made: Pool.Pool<C> | undefined
    const seeking = new Seeking<C, E>(
      { name: options.name, connect, role },
      new Hosts(known, targetSessionAttrs, balance === "random", coolDown),
      // A little less than the pool itself waits, so that it is told what each host said.
      acquireTimeout * 0.9,
      clock,
      (why) => made?.lending.sweep(why)
    )
    made = yield* Pool.make<C>({ ...rest, connect: seeking.connect, isCurrent: (connection) => seeking.isCurrent(connection) })
    return made
  })

/**
 * Every value of `targetSessionAttrs`: for the options of a URL.
 *
 * @example
 * ```ts
 * import { Hosts } from "@sluice/core"
 *
 * const target = Hosts.targets.find((one) => one === "primary")
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export const targets: ReadonlyArray<TargetSessionAttrs> = ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"]

/**
 * The hosts of a config as records, checked: a ConfigError names the entry that is malformed.
 *
 * @example
 * ```ts
 * import { Hosts } from "@sluice/core"
 *
 * Hosts.parse(["a", "b:3307", "[::1]:3308"]) // Right([{ host: "a", port: undefined }, { host: "b", port: 3307 }, …])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (hosts: NonNullable<Config["hosts"]>): Checked<ReadonlyArray<Host>> =>
  hosts.length === 0 ? refuse("hosts", "must name at least one host") : Either.all(hosts.map(Parse.host))
