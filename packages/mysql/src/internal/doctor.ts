/**
 * What the doctor looks at: how each server is connected to, its version, and what the user may do there.
 *
 * The order, the times and the verdicts are core's. Called by the public module.
 *
 * @internal
 */
import * as Examination from "@sluice/core/Examination"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import { connect, role } from "./connection.js"
import type { Controls } from "./control.js"
import { at, type Checked, type Place } from "./options.js"

export const examinationOf = (checked: Checked, controls: Controls): Examination.Examination => ({
  probes: checked.places.map((place) => probeOf(checked, place, controls)),
  checks: [version, permissions],
  wanted: { target: checked.target.targetSessionAttrs ?? "any", role },
  hint
})

const probeOf = (checked: Checked, place: Place, controls: Controls): Examination.Probe => {
  const settings = at(checked, place, undefined)
  return {
    endpoint: settings.endpoint,
    phases: Examination.phases({ host: place.host, isSocket: settings.driver.socketPath !== undefined, isEncrypted: settings.ways[0] !== false }),
    connect: (watch, opened) => connect({ ...settings, watch }, controls, opened)
  }
}

const version: Examination.Check = {
  name: "version",
  run: (connection) => Effect.map(Examination.ask(connection, "SELECT VERSION(), @@version_comment"), ([row]) => ({ detail: `${row?.[0]} (${row?.[1]})` }))
}

// What the user may do, and on what. What is behind the user's name is not looked at: MariaDB shows the password's hash there.
const grant = /^GRANT (.+?) ON (.+?) TO /

const permissions: Examination.Check = {
  name: "permissions",
  run: (connection) =>
    Effect.gen(function*() {
      const [[user, readOnly] = []] = yield* Examination.ask(connection, "SELECT CURRENT_USER(), @@global.read_only")
      const lines = (yield* Examination.ask(connection, "SHOW GRANTS")).map((row) => String(row[0]))
      const granted = lines.flatMap((line) => {
        const [, what = "USAGE", where = ""] = grant.exec(line) ?? []
        return what === "USAGE" || what === "PROXY" ? [] : [`${what.length > 60 ? "many privileges" : what} on ${where.replaceAll("`", "")}`]
      })
      const more = granted.length > shown ? `; and ${granted.length - shown} more` : ""
      const roles = lines.some((line) => line.startsWith("GRANT ") && !line.includes(" ON ")) ? "; and roles" : ""
      const isReadOnly = !["0", "OFF"].includes(String(readOnly))
      return {
        detail: `${user}: ${granted.slice(0, shown).join("; ") || "nothing"}${more}${roles}; the server is ${isReadOnly ? "read-only" : "read-write"}`,
        hint: isReadOnly ? "writes are refused: it is a replica, or was set so" : undefined
      }
    })
}

/** A user may have a privilege on each of a thousand tables. */
const shown = 4

const hints: Readonly<Record<string | number, string>> = {
  1040: "the server has no connection left: raise its `max_connections`, or lower `pool.max` here and elsewhere",
  1203: "the user has no connection left: raise its `max_user_connections`, or lower `pool.max`",
  1226: "the user has used up a limit of its own (MAX_CONNECTIONS_PER_HOUR and its like): raise it, or wait",
  1129: "the server has blocked this host after too many failed connects: run FLUSH HOSTS there",
  1130: "no user may come from this host: CREATE USER for it, or come from elsewhere",
  1044: "the user may not use this database: GRANT it, or check `database`",
  1045: "the server does not know the user with this password, from this host: check `username` and `password`",
  3159: "the server insists on TLS: set `tls`",
  HANDSHAKE_NO_SSL_SUPPORT: "the server offers no TLS: configure a certificate there, or set `tls.mode` to `prefer` or `disable`",
  PROTOCOL_CONNECTION_LOST: "what listens there hung up while it was logged in: is it MySQL or MariaDB, and does it let us in?"
}

const hint = ({ reason }: SqlError.SqlError): string | undefined => hints[reason.code ?? ""]
