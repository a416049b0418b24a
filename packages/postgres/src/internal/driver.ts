/**
 * The driver, as this package sees it: pg's Client, narrowed to what is used.
 *
 * pg connects: TLS, authentication, the startup packet. Then `wire` reads the socket itself, and gives pg only the frames
 * of queries that were begun on the Client directly (`db.native`). `getStartupConf`, `_getActiveQuery` and the socket
 * are not in pg's types. Used by `wire`.
 *
 * @internal
 */
import type { Duplex } from "node:stream"
import { type ConnectionOptions as TlsOptions, TLSSocket } from "node:tls"
import { Client, DatabaseError, types } from "pg"

/** What the server says in an ErrorResponse or a NoticeResponse, by the protocol's letters, as pg names it. */
export interface ServerFields {
  readonly severity?: string | undefined
  readonly code?: string | undefined
  readonly detail?: string | undefined
  readonly hint?: string | undefined
  readonly position?: string | undefined
  readonly schema?: string | undefined
  readonly table?: string | undefined
  readonly column?: string | undefined
  readonly dataType?: string | undefined
  readonly constraint?: string | undefined
  readonly routine?: string | undefined
  /** The context; of a COPY the line and the column that it stopped at. */
  readonly where?: string | undefined
}

/** What fails: the server's error, or the network's, whose `code` is not five characters of SQLSTATE. */
export interface DriverError extends Error, ServerFields {}

/** What pg connects with. */
export interface Options {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** A function: the driver reads PGPASSWORD where a password is empty. */
  readonly password: () => string
  readonly ssl: false | TlsOptions
  readonly enableChannelBinding: boolean
  readonly connectionTimeoutMillis: number
  readonly keepAlive: boolean
  readonly keepAliveInitialDelayMillis: number
  /** Said, since the driver would read it from the environment, and throw. */
  readonly sslnegotiation: "postgres"
  /** What stands for a socket, where the server is none. */
  readonly stream?: () => Duplex
}

/** One Client of pg. */
export interface Raw {
  readonly processID: number | null
  readonly secretKey: number | null
  readonly ssl: false | TlsOptions
  enableChannelBinding: boolean
  /** After the connecting, the plain or the TLS socket. */
  readonly connection: {
    upgradeToSSL: (host: string, report: (error: Error) => void) => void
    readonly stream: Duplex & { readonly remoteAddress?: string; readonly remotePort?: number }
    once(event: "sslconnect", listener: () => void): void
    on(event: "parameterStatus", listener: (told: { readonly parameterName: string; readonly parameterValue: string }) => void): void
    on(event: "authenticationSASL", listener: (asked: { readonly mechanisms: ReadonlyArray<string> }) => void): void
    on(event: "authenticationCleartextPassword" | "authenticationMD5Password" | "authenticationOk", listener: () => void): void
  }
  getStartupConf: () => Readonly<Record<string, string>>
  readonly _getActiveQuery: () => unknown
  connect(callback: (error: DriverError | null | undefined) => void): void
  on(event: "error", listener: (error: DriverError) => void): this
}

// What pg's types know nothing of is looked for: a later version may not have it.
const isRaw = (client: object): client is Raw =>
  ["getStartupConf", "_getActiveQuery"].every((name) => name in client) &&
  "connection" in client && typeof client.connection === "object" && client.connection !== null && "upgradeToSSL" in client.connection

/**
 * A Client that sends these parameters in its startup packet, and none of the environment's; TLS asks for the name that is given.
 * `undefined` where this version of pg has not what this package needs.
 */
export const open = (options: Options, parameters: Readonly<Record<string, string>>): Raw | undefined => {
  const raw: object = new Client(options)
  if (!isRaw(raw)) return undefined
  raw.getStartupConf = () => ({ user: options.user, database: options.database, ...parameters })
  const name = options.ssl === false ? undefined : options.ssl.servername
  // The driver puts the host in the place of the name that is to be asked for.
  if (name !== undefined) {
    const { connection } = raw
    const upgrade = connection.upgradeToSSL.bind(connection)
    connection.upgradeToSSL = (_, report) => upgrade(name, report)
  }
  return raw
}

/** Tells what TLS has agreed on, where it is spoken. */
export const onSecure = (raw: Raw, tell: (detail: string) => void): void =>
  // TLS has begun by then, and its socket is in the place of the plain one.
  raw.connection.once("sslconnect", () => {
    const { stream } = raw.connection
    if (stream instanceof TLSSocket) stream.once("secureConnect", () => tell(`${stream.getProtocol()} ${stream.getCipher().name}`))
  })

/** An error of the server, of the class that pg's users know. */
export const serverError = (message: string, length: number, fields: ServerFields): DriverError =>
  Object.assign(new DatabaseError(message, length, "error"), fields)

/** How the driver itself reads the text of a type: what an app that was written for it expects. */
export const parserOf = (oid: number): (text: string) => unknown => types.getTypeParser(oid, "text")
