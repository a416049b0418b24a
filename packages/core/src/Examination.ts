/**
 * Examination: what a dialect lets the doctor look at. How its servers are connected to, what they are asked, and what its own codes mean.
 *
 * It takes no step and keeps no time: that is `Doctor`. Made by the dialects, given to `Database.make` and to `Doctor.run`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Connection } from "./Connection.js"
import type { Role, TargetSessionAttrs } from "./Hosts.js"
import type * as SqlError from "./SqlError.js"

/**
 * Tells how far a connecting has come.
 *
 * @example
 * ```ts
 * import type { Examination } from "@sluice/core"
 *
 * const resolved = (watch: Examination.Watch) => watch.passed("DNS", "db.example.com is 10.0.0.7")
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Watch {
  /** An attempt begins; what was told of the one before is forgotten. */
  readonly begin: () => void
  /** A phase is over, with what was found; told again, only what was found is another. */
  readonly passed: (phase: string, detail?: string) => void
}

/**
 * One of the phases of connecting, in their order. `skipped` says why it does not apply.
 *
 * @example
 * ```ts
 * import type { Examination } from "@sluice/core"
 *
 * const phase: Examination.Phase = { name: "DNS", skipped: "127.0.0.1 is an address" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Phase {
  /** Its name in the report. */
  readonly name: string
  /** Why it does not apply. */
  readonly skipped?: string | undefined
}

/**
 * How one server is reached: a connection outside of every pool.
 *
 * @example
 * ```ts
 * import type { Examination } from "@sluice/core"
 *
 * const names = (probe: Examination.Probe) => probe.phases.map((phase) => phase.name)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Probe {
  /** Where it leads. */
  readonly endpoint: string
  /** What connecting goes through. The last one ends with it. */
  readonly phases: ReadonlyArray<Phase>
  /** Connects, telling the watch; `opened` is called the moment the connection is there, as in `Pool.Options`. */
  readonly connect: (watch: Watch, opened: (connection: Connection) => void) => Effect.Effect<Connection, SqlError.SqlError>
}

/**
 * What was found by a check. With a `problem` the check has failed, and that is its hint.
 *
 * @example
 * ```ts
 * import type { Examination } from "@sluice/core"
 *
 * const finding: Examination.Finding = { detail: "app may connect", problem: "GRANT USAGE ON SCHEMA public TO app" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Finding {
  /** What was found. */
  readonly detail?: string | undefined
  /** What is to be known of it, though all is well. */
  readonly hint?: string | undefined
  /** What is to be done, where all is not. */
  readonly problem?: string | undefined
}

/**
 * A question to a connection.
 *
 * @example
 * ```ts
 * import { Examination } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const version: Examination.Check = {
 *   name: "version",
 *   run: (connection) => Effect.map(Examination.ask(connection, "SELECT VERSION()"), ([row]) => ({ detail: String(row?.[0]) }))
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Check {
  /** Its name in the report. */
  readonly name: string
  /** Asks. A failure fails the step, and the next one is tried where the connection is usable. */
  readonly run: (connection: Connection) => Effect.Effect<Finding, SqlError.SqlError>
  /** The hint where it does not end in time, of a check that may be long: then it is slow, and not failed, and comes last. */
  readonly late?: string | undefined
}

/**
 * What one of the servers must be, and how each is asked for what it is.
 *
 * @example
 * ```ts
 * import type { Examination } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const wanted: Examination.Wanted = { target: "primary", role: () => Effect.succeed({ isStandby: false, isReadOnly: false }) }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Wanted {
  /** `targetSessionAttrs` of the config. */
  readonly target: TargetSessionAttrs
  /** Asks a server for its role. */
  readonly role: (connection: Connection) => Effect.Effect<Role, SqlError.SqlError>
}

/**
 * What a dialect lets be examined.
 *
 * @example
 * ```ts
 * import type { Examination } from "@sluice/core"
 *
 * const nothing: Examination.Examination = { probes: [], checks: [], hint: () => undefined }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Examination {
  /** Each of its servers. Without any, the checks are asked of the pool's connections. */
  readonly probes: ReadonlyArray<Probe>
  /** What each is asked, in order. */
  readonly checks: ReadonlyArray<Check>
  /** What one of the servers must be; without it any will do, and none is asked. */
  readonly wanted?: Wanted | undefined
  /** A hint for what only this dialect's codes tell; `undefined` leaves it to core. */
  readonly hint: (error: SqlError.SqlError) => string | undefined
}

/**
 * Asks a connection something of our own: the rows as arrays.
 *
 * @example
 * ```ts
 * import { type Connection, Examination } from "@sluice/core"
 *
 * const version = (connection: Connection.Connection) => Examination.ask(connection, "SELECT VERSION()")
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export const ask = (connection: Connection, sql: string): Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, SqlError.SqlError> =>
  Effect.map(
    connection.execute({
      sql, params: [], rowMode: "array", prepare: false, readOnly: true, returnsRows: true, integers: undefined, duplicates: "last", fetchSize: 1_000, timeout: undefined
    }),
    ({ rows }) => rows.map((row) => Array.isArray(row) ? row : [row])
  )

/**
 * The phases of connecting to a server of a network: DNS, TCP, TLS, login; or `socket` in the place of the first two.
 *
 * @example
 * ```ts
 * import { Examination } from "@sluice/core"
 *
 * Examination.phases({ host: "127.0.0.1", isSocket: false, isEncrypted: true }) // DNS is skipped
 * ```
 *
 * @category dialects
 * @since 0.1.0
 */
export const phases = ({ host, isEncrypted, isSocket }: {
  readonly host: string
  readonly isSocket: boolean
  readonly isEncrypted: boolean
}): ReadonlyArray<Phase> => [
  ...(isSocket ? [{ name: "socket" }] : [{ name: "DNS", skipped: /^[\d.]+$|:/.test(host) ? `${host} is an address` : undefined }, { name: "TCP" }]),
  { name: "TLS", skipped: isEncrypted ? undefined : "it is not asked for" },
  { name: "login" }
]

/**
 * What is seen of a socket of Node's.
 *
 * @example
 * ```ts
 * import { Examination } from "@sluice/core"
 * import type { Socket } from "node:net"
 *
 * const seen = (socket: Socket): Examination.Socket => socket
 * ```
 *
 * @category dialects
 * @since 0.1.0
 */
export interface Socket {
  /** An address was found for a name. */
  on(event: "lookup", listener: (error: Error | null, address: string, family: string | number | null, host: string) => void): unknown
  /** It is connected. */
  once(event: "connect", listener: () => void): unknown
  /** Whom it is connected to; `undefined` for the socket of a file system. */
  readonly remoteAddress?: string | undefined
  /** And where. */
  readonly remotePort?: number | undefined
}

/**
 * Tells of a socket that has just begun to connect: `DNS` and `TCP`, or `socket`.
 *
 * @example
 * ```ts
 * import { Examination } from "@sluice/core"
 * import { connect } from "node:net"
 *
 * const watched = (watch: Examination.Watch) => Examination.follow(connect(5432, "db.example.com"), watch)
 * ```
 *
 * @category dialects
 * @since 0.1.0
 */
export const follow = (socket: Socket, watch: Watch): void => {
  const found: Array<string> = []
  watch.begin()
  socket.on("lookup", (error, address, _, host) => {
    if (error !== null && error !== undefined) return
    found.push(address)
    watch.passed("DNS", `${host} is ${found.join(", ")}`)
  })
  socket.once("connect", () => {
    const { remoteAddress, remotePort } = socket
    if (remoteAddress === undefined) watch.passed("socket")
    else watch.passed("TCP", `${remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`)
  })
}
