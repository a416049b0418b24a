/**
 * What every form of a connection string shares: the record, hosts and ports, and which keys hold secrets.
 *
 * No message of these files quotes the text: where a part is malformed, any piece of it may belong to the password.
 *
 * @internal
 */
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { ConnectionString, Host, Parts } from "../../ConnectionString.js"
import { type Checked, refuse } from "../../Options.js"

/** Schemes that mean a dialect of another name. */
const aliases: Readonly<Record<string, string>> = {
  postgresql: "postgres",
  pgsql: "postgres",
  pg: "postgres",
  mariadb: "mysql",
  sqlserver: "mssql",
  sqlite3: "sqlite"
}

export const dialectOf = (scheme: string): string => {
  const lower = scheme.toLowerCase()
  return Object.hasOwn(aliases, lower) ? aliases[lower]! : lower
}

/** What a key ends with, without its case and separators, when its value is a secret. Paths (`sslkey`, `passfile`) are none. */
const secretive = [
  "password", "passwd", "pwd", "passphrase", "passcode", "secret", "token", "privatekey", "apikey", "accesskey", "accountkey", "credentials",
  "odbcconnect"
]

export const isSecret = (key: string): boolean => {
  const bare = key.toLowerCase().replace(/[\s_.-]/g, "")
  return secretive.some((end) => bare.endsWith(end))
}

/** An empty part is the same as none, except for a password. */
const some = (text: string | undefined): string | undefined => text === "" ? undefined : text

export const complete = (parts: Parts): ConnectionString => {
  const hosts = parts.hosts !== undefined && parts.hosts.length > 0
    ? parts.hosts
    : some(parts.host) === undefined
    ? []
    : [{ host: parts.host!, port: parts.port }]
  const options = Object.entries(parts.options ?? {})
  return {
    dialect: dialectOf(parts.dialect),
    driver: some(parts.driver),
    host: hosts[0]?.host,
    port: hosts.length > 0 ? hosts[0]!.port : parts.port,
    hosts,
    database: some(parts.database),
    username: some(parts.username),
    password: parts.password,
    // `fromEntries` and not assignment: a key may be `__proto__`.
    options: Object.fromEntries(options.filter(([key]) => !isSecret(key))),
    secrets: Object.fromEntries([
      ...options.filter(([key]) => isSecret(key)).map(([key, value]) => [key, Redacted.make(value)] as const),
      ...Object.entries(parts.secrets ?? {})
    ])
  }
}

/** A port's digits; nothing where there are none. */
export const portOf = (field: string, digits: string): Checked<number | undefined> => {
  const text = digits.trim()
  if (text === "") return Either.right(undefined)
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  return port >= 1 && port <= 65_535 ? Either.right(port) : refuse(field, "must be a whole number from 1 to 65535")
}

export const isIpv6 = (host: string): boolean => /^[0-9a-f:.]*:[0-9a-f.]*:[0-9a-f:.]*(%\S+)?$/i.test(host)

/** A list of hosts beside a list of ports, as libpq has them: as many ports as hosts, or one for all. */
export const pair = (
  hosts: ReadonlyArray<string>,
  ports: string | undefined,
  hostField: string,
  portField: string
): Checked<{ readonly hosts: ReadonlyArray<Host>; readonly port: number | undefined }> =>
  Either.gen(function*() {
    const list: Array<number | undefined> = []
    for (const digits of (ports ?? "").split(",")) list.push(yield* portOf(portField, digits))
    if (hosts.some((host) => host === "")) return yield* refuse(hostField, "has an empty name in its list")
    if (list.length > 1 && list.length !== hosts.length) return yield* refuse(portField, `has ${list.length} entries for ${hosts.length} hosts`)
    return {
      hosts: hosts.map((host, index) => ({ host, port: list.length === 1 ? list[0] : list[index] })),
      port: list[0]
    }
  })

export const split = (list: string | undefined): ReadonlyArray<string> =>
  list === undefined || list.trim() === "" ? [] : list.split(",").map((each) => each.trim())

// eslint-disable-next-line no-control-regex
const control = /[\u0000-\u001f\u007f]/

/** What no form can express; each form adds its own. */
export const sound = (record: ConnectionString): Checked<void> =>
  Either.gen(function*() {
    if (!/^[a-z][a-z0-9.-]*$/.test(record.dialect)) return yield* refuse("dialect", "must be a URL's scheme: letters, digits, dots and dashes")
    if (record.driver !== undefined && !/^[a-z0-9_.+-]+$/.test(record.driver)) {
      return yield* refuse("driver", "must be lower-case letters, digits, dots, dashes and underscores")
    }
    for (const { host, port } of record.hosts) {
      if (host === "" || host.trim() !== host || control.test(host)) return yield* refuse("hosts", "must be names without control characters")
      yield* isPort(port)
    }
    if (record.hosts.length === 0) {
      if (record.host !== undefined) return yield* refuse("hosts", "must hold the host: build the record with make")
      yield* isPort(record.port)
    } else if (record.host !== record.hosts[0]!.host || record.port !== record.hosts[0]!.port) {
      return yield* refuse("hosts", "must begin with the record's host and port: build the record with make")
    }
    for (const [field, text] of [["database", record.database], ["username", record.username]] as const) {
      if (text === "") return yield* refuse(field, "must not be empty: leave it out")
      if (text !== undefined && isBroken(text)) return yield* refuse(field, "holds half of a character")
    }
    if (record.password !== undefined && isBroken(Redacted.value(record.password))) return yield* refuse("password", "holds half of a character")
    for (const [key, value] of Object.entries(record.options)) {
      if (key === "" || isSecret(key)) return yield* refuse(`options.${key}`, "must have a name, and one that is no secret's: those are in secrets")
      if (isBroken(key) || isBroken(value)) return yield* refuse("options", "hold half of a character")
    }
    for (const [key, value] of Object.entries(record.secrets)) {
      if (!isSecret(key)) return yield* refuse(`secrets.${key}`, "would be read back as an option: its name is no secret's")
      if (isBroken(key) || isBroken(Redacted.value(value))) return yield* refuse("secrets", "hold half of a character")
    }
  })

const isPort = (port: number | undefined): Checked<void> =>
  port === undefined || (Number.isInteger(port) && port >= 1 && port <= 65_535)
    ? Either.right(undefined)
    : refuse("port", "must be a whole number from 1 to 65535")

/** Half of a surrogate pair has no UTF-8, and `encodeURIComponent` throws at it. */
const isBroken = (text: string): boolean => /\p{Surrogate}/u.test(text)
