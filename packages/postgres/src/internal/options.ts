/**
 * Options of one connection, checked: what `Postgres.Config` says, with its url, its defaults and its secrets read.
 *
 * It opens nothing. Made by the public module, read by `connection`, `control` and `session`.
 *
 * @internal
 */
import * as Options from "@sluice/core/Options"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { ConnectionOptions as TlsOptions } from "node:tls"
import type { Config, Tls } from "../Config.js"
import type * as Driver from "./driver.js"
import { Shapes } from "./shapes.js"
import * as Url from "./url.js"

/** Everything that a connection needs. */
export interface Settings {
  readonly driver: Driver.Options
  readonly endpoint: string
  readonly host: string
  readonly port: number
  readonly database: string
  /** Sent when the session begins: RESET ALL comes back to these. */
  readonly parameters: Readonly<Record<string, string>>
  /** Run when a session is new, and again after every reset. */
  readonly session: ReadonlyArray<string>
  readonly bigints: boolean
  readonly shapes: Shapes
  /** Codecs by the names of their types. */
  readonly types: NonNullable<Config["types"]>
  readonly statementSavepoints: boolean
  readonly maxPrepared: number
}

/** Checks a config; the first field that cannot work is a ConfigError. */
export const settings = (config: Config): Effect.Effect<Settings, SqlError.SqlError> =>
  Effect.gen(function*() {
    const url = yield* Url.parse(config.url === undefined || typeof config.url === "string" ? config.url : Redacted.value(config.url))
    const host = config.host ?? url.host ?? "localhost"
    if (host === "") yield* Options.refuse("host", "must not be empty")
    const port = yield* Options.count("port", config.port ?? url.port, 5432, 1)
    if (port > 65_535) yield* Options.refuse("port", `must be at most 65535, was ${port}`)
    const username = yield* clean("username", config.username ?? url.username ?? "postgres")
    const database = yield* clean("database", config.database ?? url.database ?? username)
    const password = config.password === undefined ? url.password : Redacted.value(config.password)
    const connectTimeout = yield* Options.millis("connectTimeout", config.connectTimeout, 10_000)
    const parameters: Record<string, string> = { ...url.parameters, ...config.parameters }
    for (const [name, value] of Object.entries(parameters)) {
      // What is read as exact text depends on these.
      if (/^(?:client_encoding|datestyle)$/i.test(name)) yield* Options.refuse(`parameters.${name}`, "is set by this package")
      yield* clean(`parameters.${name}`, name + value)
    }
    if (config.timezone !== undefined) parameters["TimeZone"] = yield* clean("timezone", config.timezone)
    if (config.applicationName !== undefined) parameters["application_name"] = yield* clean("applicationName", config.applicationName)
    return {
      driver: {
        host,
        port,
        user: username,
        database,
        // A function: the driver reads PGPASSWORD where a password is empty.
        password: () => password ?? "",
        ssl: tlsOf(config.tls),
        connectionTimeoutMillis: Number.isFinite(connectTimeout) ? connectTimeout : 0,
        keepAlive: true
      },
      endpoint: host.startsWith("/") ? `${host}/.s.PGSQL.${port}` : `${host}:${port}`,
      host,
      port,
      database,
      parameters: { ...parameters, client_encoding: "UTF8", DateStyle: "ISO" },
      session: config.initCommand === undefined ? [] : typeof config.initCommand === "string" ? [config.initCommand] : config.initCommand,
      bigints: config.integers === "bigint",
      shapes: new Shapes({ dates: config.dates ?? "string", json: config.json ?? "string" }),
      types: config.types ?? {},
      statementSavepoints: config.statementSavepoints ?? false,
      maxPrepared: yield* Options.count("maxPreparedStatements", config.maxPreparedStatements, 200, 0)
    }
  })

// Names and values end with a NUL in the startup packet.
const clean = (field: string, value: string): Options.Checked<string> =>
  value === "" || value.includes("\0") ? Options.refuse(field, "must be a text that is not empty, without a NUL") : Either.right(value)

const tlsOf = (tls: boolean | Tls | undefined): false | TlsOptions => {
  if (tls === undefined || tls === false) return false
  const { ca, cert, key, passphrase, rejectUnauthorized = true, verifyIdentity = rejectUnauthorized } = tls === true ? {} : tls
  return {
    rejectUnauthorized,
    ...(verifyIdentity ? {} : { checkServerIdentity: () => undefined }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key: Redacted.value(key) }),
    ...(passphrase === undefined ? {} : { passphrase: Redacted.value(passphrase) })
  }
}
