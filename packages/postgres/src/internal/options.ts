/**
 * Options of one connection, checked: what `Postgres.Config` says, with its url, its service, the environment and its
 * secrets read.
 *
 * A field of the config wins over the url, the url over the service, the service over the environment. It opens nothing. Made by
 * the public module, read by `connection`, `control`, `login` and `session`.
 *
 * @internal
 */
import * as Credentials from "@sluice/core/Credentials"
import type * as Examination from "@sluice/core/Examination"
import * as Hosts from "@sluice/core/Hosts"
import * as Options from "@sluice/core/Options"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import { isIP } from "node:net"
import { userInfo } from "node:os"
import type { Config } from "../Config.js"
import { type Demands, parseRequireAuth } from "./authentication.js"
import type * as Driver from "./driver.js"
import { found, own } from "./files.js"
import { bindings, type File, type Said } from "./keywords.js"
import type { Secret } from "./login.js"
import { lookUp } from "./passFile.js"
import * as Pooler from "./pooler.js"
import { Shapes } from "./shapes.js"
import { gather } from "./sources.js"
import { type Ways, waysOf } from "./tls.js"

/** Where one server is. */
export interface Place {
  readonly host: string
  readonly port: number
  /** What is connected to, where the name is not to be looked up. */
  readonly address: string | undefined
}

/** Everything that a connection needs. */
export interface Settings {
  /** All but the password and TLS. */
  readonly driver: Omit<Driver.Options, "password" | "ssl" | "enableChannelBinding">
  /** `undefined`: the server asks for none, or is told that there is none. */
  readonly secret: Secret | undefined
  readonly ways: Ways
  readonly demands: Demands
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
  /** Single statements that may be under way at a time on one connection. */
  readonly maxInFlight: number
  /** To be called when the server refuses to write; there where it was chosen because it could be written to. */
  readonly demoted: (() => void) | undefined
  /** Behind a pooler each transaction may have another session of the server. */
  readonly isPooled: boolean
  /** The server is inside of this process: it has one session, and nothing stops a statement. */
  readonly isEmbedded: boolean
  /** Told how far the connecting has come, by whom it matters to. */
  readonly watch?: Examination.Watch | undefined
}

/** What holds for the database: a connection's options, and the servers that it may go to. */
export interface Checked extends Settings {
  /** At least one; the settings are those of the first. */
  readonly places: ReadonlyArray<Place>
  readonly target: Pick<Config, "targetSessionAttrs" | "loadBalanceHosts" | "hostCoolDown">
  readonly passFile: File | undefined
  /** Connections that single statements share. */
  readonly lanes: number
}

/** `host:port`, an IPv6 address in brackets; or the path of a socket. */
export const endpointOf = ({ host, port }: Pick<Place, "host" | "port">): string =>
  host.startsWith("/") ? `${host}/.s.PGSQL.${port}` : `${host.includes(":") ? `[${host}]` : host}:${port}`

/** The settings of a connection to one of the places. */
export const at = (checked: Checked, place: Place, demoted: (() => void) | undefined): Settings => {
  const { address, host, port } = place
  const { database, driver, passFile } = checked
  const isSocket = (address ?? host).startsWith("/")
  // The name that a certificate must have, where the driver knows only the address.
  const name = address === undefined ? {} : { host, ...(isIP(host) === 0 ? { servername: host } : {}) }
  return {
    ...checked,
    driver: { ...driver, host: address ?? host, port },
    endpoint: endpointOf(place),
    host,
    port,
    demoted,
    secret: checked.secret ??
      (passFile === undefined ? undefined : { credentials: lookUp(passFile, { host, port, database, username: driver.user }), invalidate: undefined }),
    // As libpq: nobody listens to a socket of this machine.
    ways: isSocket ? [false] : checked.ways.map((way) => way === false ? false : { ...name, ...way })
  }
}

/** Checks a config; the first field that cannot work is a ConfigError. */
export const settings = (config: Config): Effect.Effect<Checked, SqlError.SqlError> =>
  Effect.gen(function*() {
    const said = yield* gather(config)
    const places = yield* placesOf(config, said)
    const { host, port } = places[0]!
    const username = yield* clean("username", config.username ?? said.username ?? (yield* systemUser))
    const database = yield* clean("database", config.database ?? said.database ?? username)
    const connectTimeout = yield* Options.millis("connectTimeout", config.connectTimeout ?? said.connectTimeout, 10_000)
    const parameters: Record<string, string> = { ...said.parameters, ...config.parameters }
    for (const [name, value] of Object.entries(parameters)) {
      // What is read as exact text depends on these.
      if (/^(?:client_encoding|datestyle)$/i.test(name)) yield* Options.refuse(`parameters.${name}`, "is set by this package")
      yield* clean(`parameters.${name}`, name + value)
    }
    if (config.timezone !== undefined) parameters["TimeZone"] = yield* clean("timezone", config.timezone)
    if (config.applicationName !== undefined) parameters["application_name"] = yield* clean("applicationName", config.applicationName)
    const ways = yield* waysOf(config, said, config.environment === true)
    const channelBinding = config.channelBinding ?? said.channelBinding ?? "prefer"
    if (!bindings.includes(channelBinding)) yield* Options.refuse("channelBinding", `must be one of ${bindings.join(", ")}`)
    if (channelBinding === "require" && ways.every((way) => way === false)) yield* Options.refuse("channelBinding", "is require, which needs TLS: sslmode is disable")
    const requireAuth = config.requireAuth ?? said.requireAuth
    const isHomeRead = config.environment === true
    const isPooled = yield* pooled(config, parameters)
    const lanes = config.pipeline === undefined ? 0 : yield* Options.count("pipeline.lanes", config.pipeline.lanes, 0, 1)
    if (lanes > 0 && isPooled) yield* Options.refuse("pipeline", "needs sessions of its own, and behind a pooler in transaction mode there are none")
    const maxPrepared = yield* Options.count("maxPreparedStatements", config.maxPreparedStatements, 200, 0)
    return {
      driver: {
        host,
        port,
        user: username,
        database,
        connectionTimeoutMillis: Number.isFinite(connectTimeout) ? connectTimeout : 0,
        keepAlive: said.keepAlive ?? true,
        // Milliseconds of silence before the kernel asks whether the other end is there; Linux's default is two hours.
        keepAliveInitialDelayMillis: 60_000,
        sslnegotiation: "postgres"
      },
      secret: secretOf(config.password ?? said.password),
      passFile: config.passFile === undefined ? said.passFile ?? (isHomeRead ? yield* found(own(".pgpass", "pgpass.conf"), "passFile") : undefined)
        : { path: config.passFile, field: "passFile" },
      ways,
      demands: { channelBinding, allowed: requireAuth === undefined ? undefined : yield* parseRequireAuth(requireAuth, "requireAuth") },
      endpoint: endpointOf({ host, port }),
      host,
      port,
      places,
      target: {
        targetSessionAttrs: config.targetSessionAttrs ?? said.targetSessionAttrs,
        loadBalanceHosts: config.loadBalanceHosts ?? said.loadBalanceHosts,
        hostCoolDown: config.hostCoolDown
      },
      demoted: undefined,
      database,
      parameters: { ...parameters, client_encoding: "UTF8", DateStyle: "ISO" },
      session: config.initCommand === undefined ? [] : typeof config.initCommand === "string" ? [config.initCommand] : config.initCommand,
      bigints: config.integers === "bigint",
      shapes: new Shapes({ dates: config.dates ?? "string", json: config.json ?? "string" }),
      types: config.types ?? {},
      statementSavepoints: config.statementSavepoints ?? false,
      maxPrepared: isPooled ? 0 : maxPrepared,
      maxInFlight: lanes > 0 ? inFlight : 1,
      lanes,
      isPooled,
      isEmbedded: false
    }
  })

// Enough to hide a round trip; and whoever stands behind a statement that turns out slow waits for it.
const inFlight = 64

/** The servers, by the fields or else by the sources. */
const placesOf = (config: Config, said: Said): Options.Checked<ReadonlyArray<Place>> =>
  Either.gen(function*() {
    if (config.hosts !== undefined && config.host !== undefined) yield* Options.refuse("hosts", "stands in the place of host: both are given")
    if (config.host === "") yield* Options.refuse("host", "must not be empty")
    const common = yield* Options.count("port", config.port ?? said.port, 5432, 1)
    if (common > 65_535) yield* Options.refuse("port", `must be at most 65535, was ${common}`)
    if (config.hosts !== undefined) return (yield* Hosts.parse(config.hosts)).map(({ host, port }) => ({ host, port: port ?? common, address: undefined }))
    if (config.host !== undefined) return [{ host: yield* clean("host", config.host), port: common, address: undefined }]
    const hosts = said.hosts ?? [{ host: "localhost", port: undefined }]
    // A port field is for one host; several have their own.
    return hosts.map(({ host, port }, index) => ({ host, port: hosts.length === 1 ? config.port ?? port ?? common : port ?? common, address: said.addresses?.[index] }))
  })

const secretOf = (password: Config["password"]): Secret | undefined => {
  if (password === undefined) return undefined
  if (Redacted.isRedacted(password) || Effect.isEffect(password)) return { credentials: Credentials.from(password), invalidate: undefined }
  return password
}

// As libpq; a container may run us as a number that has no name.
const systemUser: Effect.Effect<string, SqlError.SqlError> = Effect.try({
  try: () => userInfo().username,
  catch: () => SqlError.make(new Reason.ConfigError({ message: "username is not given, and the user of this process has no name", field: "username" }))
})

const pooled = (config: Config, parameters: Readonly<Record<string, string>>): Options.Checked<boolean> => {
  if (config.pooler === undefined) return Either.right(false)
  if (config.pooler !== "transaction") return Options.refuse("pooler", "must be \"transaction\", or left out")
  if (config.initCommand !== undefined && config.initCommand.length > 0) return Options.refuse("initCommand", "sets up a session, and a pooler in transaction mode has another one for the next transaction")
  const lost = Object.keys(parameters).find((name) => !Pooler.carried.has(name.toLowerCase()))
  return lost === undefined ? Either.right(true) : Options.refuse(`parameters.${lost}`, "does not get through a pooler in transaction mode: set it for the role or the database, by ALTER ROLE … SET")
}

// Names and values end with a NUL in the startup packet.
const clean = (field: string, value: string): Options.Checked<string> =>
  value === "" || value.includes("\0") ? Options.refuse(field, "must be a text that is not empty, without a NUL") : Either.right(value)
