/**
 * Options of one connection, checked: what `Mysql.Config` says, with its url, its defaults and its secrets read.
 *
 * It opens nothing. Made by the public module, read by `connection`, `control` and `wire`.
 *
 * @internal
 */
import * as Hosts from "@sluice/core/Hosts"
import * as Options from "@sluice/core/Options"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { Config, Tls } from "../Mysql.js"
import type { ConnectionOptions } from "mysql2"
import * as Url from "./url.js"

/** Where one server is. */
export interface Place {
  readonly host: string
  readonly port: number
}

/** Everything that a connection needs. */
export interface Settings {
  readonly driver: ConnectionOptions
  /** Milliseconds, the login and the session's settings included. */
  readonly connectTimeout: number
  readonly endpoint: string
  readonly host: string
  readonly port: number
  readonly database: string | undefined
  /** Run when a session is new, and again after every reset. */
  readonly session: ReadonlyArray<string>
  readonly bigints: boolean
  readonly dates: "string" | "date"
  readonly offset: number
  readonly discardLimit: number
  /** To be called when the server refuses to write; there where it was chosen because it could be written to. */
  readonly demoted: (() => void) | undefined
}

/** What holds for the database: a connection's options, and the servers that it may go to. */
export interface Checked extends Settings {
  /** At least one; the settings are those of the first. */
  readonly places: ReadonlyArray<Place>
  readonly target: Pick<Config, "targetSessionAttrs" | "loadBalanceHosts" | "hostCoolDown">
}

/** The settings of a connection to one of the places. */
export const at = (checked: Checked, place: Place, demoted: (() => void) | undefined): Settings =>
  place === checked.places[0]
    ? { ...checked, demoted }
    : { ...checked, ...place, endpoint: endpointOf(place), driver: { ...checked.driver, ...place }, demoted }

/** `host:port`, an IPv6 address in brackets. */
export const endpointOf = ({ host, port }: Place): string => `${host.includes(":") ? `[${host}]` : host}:${port}`

/** Checks a config; the first field that cannot work is a ConfigError. */
export const settings = (config: Config): Effect.Effect<Checked, SqlError.SqlError> =>
  Effect.gen(function*() {
    const url = yield* Url.parse(config.url === undefined || typeof config.url === "string" ? config.url : Redacted.value(config.url))
    if (config.hosts !== undefined && config.host !== undefined) yield* Options.refuse("hosts", "stands in the place of host: both are given")
    if (config.hosts !== undefined && config.unixSocket !== undefined) yield* Options.refuse("hosts", "stands in the place of unixSocket: both are given")
    const port = yield* Options.count("port", config.port ?? url.port, 3306, 1)
    if (port > 65_535) yield* Options.refuse("port", `must be at most 65535, was ${port}`)
    const database = config.database ?? url.database
    const listed = config.hosts === undefined ? config.host === undefined ? url.hosts : undefined : yield* Hosts.parse(config.hosts)
    const places = (listed ?? [{ host: config.host ?? url.host ?? "localhost", port: undefined }]).map((one) => ({ host: one.host, port: one.port ?? port }))
    const { host, port: firstPort } = places[0]!
    const socket = config.unixSocket ?? (listed === undefined ? url.unixSocket : undefined)
    const charset = yield* name("charset", config.charset ?? url.charset ?? "utf8mb4")
    if (!charsets.has(charset)) yield* Options.refuse("charset", `must be one of ${[...charsets].join(", ")}: in others a quote can hide inside a character`)
    const collation = config.collation ?? url.collation
    if (collation !== undefined) yield* name("collation", collation)
    const timezone = config.timezone ?? url.timezone ?? "Z"
    const offset = yield* offsetOf(timezone)
    const writeTimeout = yield* Options.millis("streamTimeout", config.streamTimeout, 3_600_000)
    const tls = tlsOf(config.tls)
    const ssl = tls === undefined ? {} : { ssl: tls }
    const password = config.password === undefined ? url.password : Redacted.value(config.password)
    // With PS_MULTI_RESULTS a prepared CALL answers with its out parameters.
    const flags = ["PS_MULTI_RESULTS", ...(config.localInfile === true ? [] : ["-LOCAL_FILES"]), ...(config.affectedRows === "changed" ? ["-FOUND_ROWS"] : [])]
    const connectTimeout = yield* Options.millis("connectTimeout", config.connectTimeout, 10_000)
    const seconds = Math.min(31_536_000, Math.max(1, Math.ceil(writeTimeout / 1000)))
    return {
      driver: {
        ...(socket === undefined ? { host, port: firstPort } : { socketPath: socket }),
        ...(database === undefined ? {} : { database }),
        ...ssl,
        user: config.username ?? url.username ?? "root",
        ...(password === undefined ? {} : { password }),
        charset: charset.toUpperCase(),
        connectTimeout: Number.isFinite(connectTimeout) ? connectTimeout : 2_147_483_647,
        compress: config.compress ?? false,
        maxPreparedStatements: yield* Options.count("maxPreparedStatements", config.maxPreparedStatements, 200, 1),
        flags,
        supportBigNumbers: true,
        dateStrings: true,
        jsonStrings: true,
        timezone: "Z"
      },
      connectTimeout,
      endpoint: socket ?? endpointOf({ host, port: firstPort }),
      host: socket ?? host,
      port: firstPort,
      places,
      target: {
        targetSessionAttrs: config.targetSessionAttrs ?? url.targetSessionAttrs,
        loadBalanceHosts: config.loadBalanceHosts ?? url.loadBalanceHosts,
        hostCoolDown: config.hostCoolDown
      },
      demoted: undefined,
      database,
      session: [
        [
          `SET NAMES ${charset}${collation === undefined ? "" : ` COLLATE ${collation}`}`,
          `SESSION time_zone = '${zoneOf(offset)}'`,
          `SESSION net_write_timeout = ${seconds}`,
          ...(config.sqlMode === undefined ? [] : [`SESSION sql_mode = '${config.sqlMode.replaceAll("'", "''")}'`])
        ].join(", "),
        ...(config.initCommand === undefined ? [] : typeof config.initCommand === "string" ? [config.initCommand] : config.initCommand)
      ],
      bigints: config.integers === "bigint",
      dates: config.dates ?? "string",
      offset,
      discardLimit: yield* Options.count("discardLimit", config.discardLimit, 16_777_216, 0)
    }
  })

// In big5, cp932, gbk, gb18030 and sjis the second byte of a character may be a backslash or a quote.
const charsets: ReadonlySet<string> = new Set(["utf8mb4", "utf8mb3", "utf8", "latin1", "ascii"])

const name = (field: string, value: string): Options.Checked<string> =>
  /^\w+$/.test(value) ? Either.right(value.toLowerCase()) : Options.refuse(field, "must be a name of letters, digits and underscores")

const offsetOf = (timezone: string): Options.Checked<number> => {
  if (timezone === "Z") return Either.right(0)
  const found = /^([+-])(\d\d):([0-5]\d)$/.exec(timezone)
  const minutes = Number(found?.[2]) * 60 + Number(found?.[3])
  return found === null || minutes > 14 * 60 ? Options.refuse("timezone", `must be Z or an offset such as +02:00, was ${JSON.stringify(timezone)}`)
    : Either.right(found[1] === "-" ? -minutes : minutes)
}

const zoneOf = (offset: number): string => {
  const minutes = Math.abs(offset)
  return `${offset < 0 ? "-" : "+"}${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`
}

const tlsOf = (tls: boolean | Tls | undefined): ConnectionOptions["ssl"] & object | undefined => {
  if (tls === undefined || tls === false) return undefined
  const { ca, cert, key, passphrase, rejectUnauthorized = true, verifyIdentity = rejectUnauthorized } = tls === true ? {} : tls
  return {
    rejectUnauthorized,
    verifyIdentity,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key: Redacted.value(key) }),
    ...(passphrase === undefined ? {} : { passphrase: Redacted.value(passphrase) })
  }
}
