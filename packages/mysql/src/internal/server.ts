/**
 * What a server says of itself when a session is new: its version and limits, its role, and which server it is.
 *
 * It is asked in one round trip, and once per session. Called by `connection` and `control`.
 *
 * @internal
 */
import type * as Hosts from "@sluice/core/Hosts"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import type { Wire } from "./wire.js"

export interface Server {
  readonly version: string
  readonly maxPacket: number
  /** `undefined` where it does not tell: a server that only speaks the protocol. */
  readonly role: Hosts.Role | undefined
  /** The same for two sessions of one server, another for another's, behind whatever address; `undefined` as above. */
  readonly identity: string | undefined
}

const known = "VERSION(), @@max_allowed_packet"
// super_read_only implies read_only; a reader of Aurora has innodb_read_only.
const told = "@@global.read_only, @@global.innodb_read_only, CONCAT_WS('|', @@hostname, @@port, @@server_id, @@datadir)"

export const ask = (wire: Wire): Effect.Effect<Server, SqlError.SqlError> =>
  Effect.map(
    Effect.catchIf(wire.text(`SELECT ${known}, ${told}`, "connect"), (error) => error.reason.code === unknownVariable, () => wire.text(`SELECT ${known}`, "connect")),
    ({ rows }) => {
      const [version, packet, readOnly, innodb, identity] = (rows[0] ?? []) as ReadonlyArray<unknown>
      const isReadOnly = isOn(readOnly) || isOn(innodb)
      return {
        version: String(version),
        maxPacket: Number(packet),
        // MySQL knows no other mark of a standby: a replica that is to stay one is set to read_only.
        role: readOnly === undefined ? undefined : { isStandby: isReadOnly, isReadOnly },
        identity: identity === undefined ? undefined : String(identity)
      }
    }
  )

/** The role, where somebody depends on it. */
export const roleOf = (server: Server | undefined): Effect.Effect<Hosts.Role, SqlError.SqlError> =>
  server?.role === undefined
    ? SqlError.fail(new Reason.UnsupportedError({
      message: "the server does not tell whether it is read_only, and targetSessionAttrs depends on it",
      capability: "targetSessionAttrs",
      operation: "connect"
    }))
    : Effect.succeed(server.role)

const unknownVariable = 1193

const isOn = (value: unknown): boolean => !off.has(String(value).toUpperCase())

const off: ReadonlySet<string> = new Set(["0", "OFF", "NULL", "UNDEFINED"])
