/**
 * Options of one connection, checked: what `Mysql.Config` says, with its url, its option files, its defaults and its
 * secrets read.
 *
 * A field of the config wins over the url, the url over the option files. It opens nothing. Made by the public module, read
 * by `connection`, `control` and `wire`.
 *
 * @internal
 */
import * as Credentials from "@sluice/core/Credentials"
import type * as Examination from "@sluice/core/Examination"
import * as Hosts from "@sluice/core/Hosts"
import * as Options from "@sluice/core/Options"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as EffectConfig from "effect/Config"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { ConnectionOptions } from "mysql2"
import { userInfo } from "node:os"
import type { Encoder } from "../Codecs.js"
import type { Config } from "../Config.js"
import { authentication } from "./authentication.js"
import { type Charset, charsetOf } from "./charset.js"
import { type Decoders, typeNames } from "./decode.js"
import { Definitions } from "./fields.js"
import { flagsOf } from "./flags.js"
import type { Secret } from "./login.js"
import { configOf, type FileConfig } from "./optionFile/client.js"
import { read } from "./optionFile/read.js"
import { statementsOf } from "./session.js"
import { type Ways, waysOf } from "./tls.js"
import * as Url from "./url.js"

/** Where one server is. */
export interface Place {
  readonly host: string
  readonly port: number
}

/** Everything that a connection needs. */
export interface Settings {
  /** All but the password and TLS. */
  readonly driver: ConnectionOptions
  readonly ways: Ways
  readonly secret: Secret | undefined
  /** Milliseconds, the login and the session's settings included. */
  readonly connectTimeout: number
  readonly endpoint: string
  readonly host: string
  readonly port: number
  readonly database: string | undefined
  readonly charset: Charset
  /** Run when a session is new, and again after every reset. */
  readonly session: ReadonlyArray<string>
  readonly bigints: boolean
  readonly dates: "string" | "date"
  readonly decimals: "string" | "BigDecimal"
  readonly decoders: Decoders | undefined
  readonly encoders: ReadonlyArray<Encoder>
  readonly offset: number
  /** A backslash escapes in its texts, as far as the config says. */
  readonly hasEscapes: boolean
  readonly discardLimit: number
  readonly maxPreparedStatements: number
  /** Columns that the servers have described before. */
  readonly definitions: Definitions
  readonly multipleStatements: boolean
  /** To be called when the server refuses to write; there where it was chosen because it could be written to. */
  readonly demoted: (() => void) | undefined
  readonly localInfile: boolean
  /** Told how far the connecting has come, by whom it matters to. */
  readonly watch?: Examination.Watch | undefined
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
export const settings = (given: Config): Effect.Effect<Checked, SqlError.SqlError> =>
  Effect.gen(function*() {
    const config = yield* merged(given)
    const { database } = config
    const socket = config.unixSocket
    if (config.hosts !== undefined && config.host !== undefined) yield* Options.refuse("hosts", "stands in the place of host: both are given")
    if (config.hosts !== undefined && socket !== undefined) yield* Options.refuse("hosts", "stands in the place of unixSocket: both are given")
    const commonPort = yield* Options.count("port", config.port, 3306, 1)
    if (commonPort > 65_535) yield* Options.refuse("port", `must be at most 65535, was ${commonPort}`)
    const listed = config.hosts === undefined ? [{ host: config.host ?? "localhost", port: undefined }] : yield* Hosts.parse(config.hosts)
    const places = listed.map((one) => ({ host: one.host, port: one.port ?? commonPort }))
    const { host, port } = places[0]!
    const charset = yield* charsetOf(config.charset ?? "utf8mb4", config.collation)
    const offset = yield* offsetOf(config.timezone ?? "Z")
    const writeTimeout = yield* Options.millis("streamTimeout", config.streamTimeout, 3_600_000)
    const ways = yield* waysOf(config.tls)
    const localInfile = config.localInfile ?? true
    const connectTimeout = yield* Options.millis("connectTimeout", config.connectTimeout, 10_000)
    if (config.sqlMode !== undefined && !/^[\w ,]*$/.test(config.sqlMode)) yield* Options.refuse("sqlMode", "must be names of modes, separated by commas")
    const session = statementsOf({ charset, offset, writeTimeout, sqlMode: config.sqlMode, initCommand: config.initCommand })
    if (charset.foreign !== undefined && session.some((sql) => charset.foreign?.test(sql))) {
      yield* Options.refuse("initCommand", `holds a character that ${charset.name} has no place for`)
    }
    return {
      driver: {
        ...(socket === undefined ? { host, port } : { socketPath: socket }),
        ...(database === undefined ? {} : { database }),
        ...(yield* authentication(config.serverPublicKey, !ways.includes(false))),
        user: config.username ?? (yield* systemUser),
        charset: "UTF8MB4",
        connectTimeout: Number.isFinite(connectTimeout) ? connectTimeout : 2_147_483_647,
        keepAliveInitialDelay: tcpKeepAlive,
        compress: yield* compression(config.compress),
        multipleStatements: config.multipleStatements === true,
        flags: [
          // A prepared CALL answers with its out parameters.
          "PS_MULTI_RESULTS",
          // The driver's default: a mode that the session loses with its first reset.
          "-IGNORE_SPACE",
          ...(localInfile ? [] : ["-LOCAL_FILES"]),
          ...(config.affectedRows === "changed" ? ["-FOUND_ROWS"] : []),
          ...(yield* flagsOf(config.clientFlags ?? []))
        ],
      },
      ways,
      secret: secretOf(config.password),
      connectTimeout,
      endpoint: socket ?? endpointOf({ host, port }),
      host: socket ?? host,
      port,
      places,
      target: { targetSessionAttrs: config.targetSessionAttrs, loadBalanceHosts: config.loadBalanceHosts, hostCoolDown: config.hostCoolDown },
      demoted: undefined,
      database,
      charset,
      session,
      bigints: config.integers === "bigint",
      dates: config.dates ?? "string",
      decimals: config.decimals ?? "string",
      decoders: yield* decodersOf(config.decoders),
      encoders: config.encoders ?? [],
      offset,
      hasEscapes: !/\bNO_BACKSLASH_ESCAPES\b/i.test(config.sqlMode ?? ""),
      discardLimit: yield* Options.count("discardLimit", config.discardLimit, 16_777_216, 0),
      maxPreparedStatements: yield* Options.count("maxPreparedStatements", config.maxPreparedStatements, 200, 1),
      definitions: new Definitions(),
      multipleStatements: config.multipleStatements === true,
      localInfile
    }
  })

// Milliseconds of silence before the kernel asks whether the other end is there; Linux's default is two hours.
const tcpKeepAlive = 60_000

/** The three sources as one. Where a source says where the server is, the later ones' hosts and sockets are not looked at. */
const merged = (config: Config): Effect.Effect<Config, SqlError.SqlError> =>
  Effect.gen(function*() {
    const url = config.url === undefined ? {} : yield* Url.parse(config.url)
    const file = yield* fromFiles(config)
    const sources = [defined(config), defined(url), defined(file)]
    const { host, hosts, unixSocket } = sources.find(({ host, hosts, unixSocket }) => (host ?? hosts ?? unixSocket) !== undefined) ?? {}
    return { ...sources[2], ...sources[1], ...sources[0], host, hosts, unixSocket }
  })

const defined = (config: Config): Config => Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))

const fromFiles = ({ readDefaultFile, readDefaultGroup }: Config): Effect.Effect<FileConfig, SqlError.SqlError> =>
  readDefaultFile === undefined && readDefaultGroup === undefined
    ? Effect.succeed({})
    : Effect.orElseSucceed(EffectConfig.string("MYSQL_GROUP_SUFFIX"), () => "").pipe(
      Effect.flatMap((suffix) => read(readDefaultFile, readDefaultGroup, suffix)),
      Effect.flatMap(configOf)
    )

const secretOf = (password: Config["password"]): Secret | undefined => {
  if (password === undefined) return undefined
  if (Redacted.isRedacted(password) || Effect.isEffect(password)) return { credentials: Credentials.from(password), invalidate: undefined }
  return password
}

// As MySQL's own programs; a container may run us as a number that has no name.
const systemUser: Effect.Effect<string, SqlError.SqlError> = Effect.try({
  try: () => userInfo().username,
  catch: () => SqlError.make(new Reason.ConfigError({ message: "username is not given, and the user of this process has no name", field: "username" }))
})

const compression = (compress: Config["compress"]): Effect.Effect<boolean, SqlError.SqlError> => {
  if (compress === undefined || typeof compress === "boolean") return Effect.succeed(compress ?? false)
  const algorithm = typeof compress === "string" ? compress : compress.algorithm
  return algorithm === "zlib" ? Effect.succeed(true) : SqlError.fail(new Reason.UnsupportedError({
    message: "compress: the driver speaks no zstd, only zlib",
    capability: "compress: zstd",
    operation: "connect"
  }))
}

// A name that no column has would be ignored in silence.
const decodersOf = (decoders: Config["decoders"]): Options.Checked<Decoders | undefined> => {
  const unknown = Object.keys(decoders ?? {}).find((name) => !typeNames.has(name.replace(/ UNSIGNED$/, "")))
  return unknown === undefined ? Either.right(decoders) : Options.refuse(`decoders.${unknown}`, "is not the name of a type, as `columns[].type` shows it")
}

const offsetOf = (timezone: string): Options.Checked<number> => {
  if (timezone === "Z") return Either.right(0)
  const found = /^([+-])(\d\d):([0-5]\d)$/.exec(timezone)
  const minutes = Number(found?.[2]) * 60 + Number(found?.[3])
  return found === null || minutes > 14 * 60 ? Options.refuse("timezone", `must be Z or an offset such as +02:00, was ${JSON.stringify(timezone)}`)
    : Either.right(found[1] === "-" ? -minutes : minutes)
}
