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
import { at, type Checked, type Place } from "./options.js"

export const examinationOf = (checked: Checked): Examination.Examination => ({
  // What is inside of the process has one session, which the pool has.
  probes: checked.isEmbedded ? [] : checked.places.map((place) => probeOf(checked, place)),
  checks: [version, permissions],
  wanted: { target: checked.target.targetSessionAttrs ?? "any", role },
  hint
})

const probeOf = (checked: Checked, place: Place): Examination.Probe => {
  const settings = at(checked, place, undefined)
  const { address, host } = place
  return {
    endpoint: settings.endpoint,
    phases: Examination.phases({ host: address ?? host, isSocket: (address ?? host).startsWith("/"), isEncrypted: settings.ways.some((way) => way !== false) }),
    connect: (watch, opened) => connect({ ...settings, watch }, opened)
  }
}

const version: Examination.Check = {
  name: "version",
  run: (connection) => Effect.map(Examination.ask(connection, "SHOW server_version"), ([row]) => ({ detail: String(row?.[0]) }))
}

const may = `SELECT current_user::text, current_database()::text, current_schema()::text,
  has_schema_privilege(current_schema(), 'CREATE'), has_database_privilege(current_database(), 'TEMP'),
  pg_is_in_recovery(), current_setting('transaction_read_only')`

const permissions: Examination.Check = {
  name: "permissions",
  run: (connection) =>
    Effect.map(Examination.ask(connection, may), ([row = []]) => {
      const [user, database, schema, creates, temporary, isStandby, readOnly] = row
      const inSchema = schema === null ? "uses no schema" : `uses ${creates === true ? "and creates in " : ""}schema ${schema}`
      const isReadOnly = readOnly === "on"
      return {
        detail: `${user} in ${database}: ${inSchema}, ${temporary === true ? "" : "no "}temporary tables; the server is ${isStandby === true ? "a standby" : isReadOnly ? "read-only" : "read-write"}`,
        hint: isStandby === true ? "writes are refused: it follows a primary" : isReadOnly ? "writes are refused: default_transaction_read_only is on" : undefined,
        problem: schema === null ? "no schema of search_path may be used: GRANT USAGE ON SCHEMA … TO the user, or set search_path" : undefined
      }
    })
}

const hints: Readonly<Record<string, string>> = {
  "53300": "the server has no connection left: raise its `max_connections`, or lower `pool.max` here and elsewhere",
  "57P03": "the server is starting up, or shutting down: try again in a moment",
  "28P01": "the server does not know the user with this password: check `username` and `password`",
  "28000": "no rule of the server's pg_hba.conf lets this user in: with or without TLS (`sslmode`), with a client's certificate (`tls.cert`), or from this address",
  "42501": "the user may not connect to this database: GRANT CONNECT ON DATABASE … TO the user, or check `database`"
}

const hint = ({ reason }: SqlError.SqlError): string | undefined =>
  reason._tag === "ConnectionError" && reason.message.includes("does not support SSL")
    ? "the server offers no TLS: set `ssl = on` and a certificate there, or `sslmode` to `prefer` or `disable`"
    : hints[reason.sqlState ?? ""]
