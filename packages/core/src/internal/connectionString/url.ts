/**
 * The URL form, SQLAlchemy's among it: `dialect+driver://user:password@host:port,host/database?key=value`.
 *
 * Not by the platform's URL class: it refuses several hosts, changes how a host is written, and takes what follows a
 * raw `#` of a password for a fragment, in silence. By RFC 3986, section 3, and libpq's section 34.1.1.2.
 *
 * @internal
 */
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { ConnectionString, Host, Parts } from "../../ConnectionString.js"
import { type Checked, refuse } from "../../Options.js"
import { dialectOf, isIpv6, pair, portOf, sound, split } from "./record.js"

/** What a database of this scheme has no host for: all that follows is a path. */
const isFile = (dialect: string): boolean => dialect === "sqlite"

const scheme = /^([a-z][a-z0-9.-]*)(?:\+([a-z0-9_.+-]+))?:(\/\/)?/i

/** Whether a text is of this form, well made or not: the keyword forms begin with a keyword and `=`. */
export const isUrl = (text: string): boolean => !text.includes("=") || /^[^=;]*:\/\//.test(text) || /^sqlite3?:/i.test(text)

export const parseUrl = (text: string): Checked<Parts> =>
  Either.gen(function*() {
    const head = scheme.exec(text)
    if (head === null) return yield* refuse("url.scheme", "must stand first, as in mysql://host/database")
    const dialect = dialectOf(head[1]!)
    const driver = head[2]?.toLowerCase()
    const rest = text.slice(head[0].length)
    if (rest.includes("#")) return yield* refuse("url.fragment", "has no meaning: a # in a password or a path is written %23")
    const mark = rest.indexOf("?")
    const before = mark === -1 ? rest : rest.slice(0, mark)
    const query = yield* parseQuery(mark === -1 ? "" : rest.slice(mark + 1))
    if (isFile(dialect)) {
      const isPath = head[3] === undefined || before === "" || before.startsWith("/")
      if (!isPath) return yield* refuse("url.host", `must be empty, ${dialect} has none: three slashes stand before a path, four before an absolute one`)
      const database = yield* decode("url.database", head[3] === undefined ? before : before.slice(1))
      return { dialect, driver, database, options: query.options }
    }
    if (head[3] === undefined) return yield* refuse("url.scheme", "must be followed by //")
    const slash = before.indexOf("/")
    const authority = slash === -1 ? before : before.slice(0, slash)
    const path = slash === -1 ? "" : before.slice(slash + 1)
    const at = authority.lastIndexOf("@")
    if (at === -1 && (path.includes("@") || query.hasAt)) {
      return yield* refuse("url.password", "ends too early: its / is written %2F, its ? %3F; an @ elsewhere %40")
    }
    const login = at === -1 ? "" : authority.slice(0, at)
    const colon = login.indexOf(":")
    const username = yield* decode("url.username", colon === -1 ? login : login.slice(0, colon))
    const password = colon === -1 ? undefined : Redacted.make(yield* decode("url.password", login.slice(colon + 1)))
    const database = yield* decode("url.database", path)
    const hosts = yield* parseHosts(authority.slice(at + 1))
    return yield* fold({ dialect, driver, ...hosts, username, password, database, options: query.options })
  })

/** What the query says about parts that have a place of their own: it wins, as in libpq. */
const fold = (parts: Parts): Checked<Parts> =>
  Either.gen(function*() {
    const options = new Map(Object.entries(parts.options ?? {}))
    const take = (key: string): string | undefined => {
      const value = options.get(key)
      options.delete(key)
      return value
    }
    const [user, password] = [take("user"), take("password")]
    let folded: Parts = {
      ...parts,
      username: user ?? parts.username,
      password: password === undefined ? parts.password : Redacted.make(password)
    }
    if (parts.dialect === "postgres") {
      const [host, ports, dbname] = [take("host"), take("port"), take("dbname")]
      if (host !== undefined || ports !== undefined) {
        const names = host === undefined ? (parts.hosts ?? []).map((each) => each.host) : split(host)
        const inherited = ports ?? (host === undefined || parts.port === undefined ? undefined : String(parts.port))
        folded = { ...folded, ...yield* pair(names, inherited, "url.host", "url.port") }
      }
      folded = { ...folded, database: dbname ?? parts.database }
    }
    return { ...folded, options: Object.fromEntries(options) }
  })

const reserved = (dialect: string): ReadonlyArray<string> =>
  isFile(dialect) ? [] : dialect === "postgres" ? ["user", "password", "host", "port", "dbname"] : ["user", "password"]

const parseHosts = (text: string): Checked<{ readonly hosts: ReadonlyArray<Host>; readonly port: number | undefined }> =>
  Either.gen(function*() {
    if (text === "") return { hosts: [], port: undefined }
    // A port without a host is for the host that the dialect takes by default.
    if (/^:[^:,]*$/.test(text)) return { hosts: [], port: yield* portOf("url.port", text.slice(1)) }
    const hosts: Array<Host> = []
    for (const each of text.split(",")) hosts.push(yield* parseHost(each))
    return { hosts, port: hosts[0]?.port }
  })

const parseHost = (text: string): Checked<Host> =>
  Either.gen(function*() {
    const found = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(text)
    if (found === null) return yield* refuse("url.host", "is malformed: an IPv6 address stands in brackets")
    const [, address, name, digits] = found
    if (address === undefined) {
      if (name === "") return yield* refuse("url.host", "has an empty name in its list")
      if (/[\s"<>\\^`{|}]/.test(name!)) return yield* refuse("url.host", "holds what no host has: a space, a backslash, a quote or a brace")
    }
    const host = yield* decode("url.host", address ?? name!)
    if (address !== undefined && !isIpv6(host)) return yield* refuse("url.host", "has no IPv6 address in its brackets")
    // Before the colon may stand a user and behind it the beginning of a password: neither is quoted.
    return { host, port: yield* portOf("url.port", digits ?? "") }
  })

const parseQuery = (text: string): Checked<{ readonly options: Readonly<Record<string, string>>; readonly hasAt: boolean }> =>
  Either.gen(function*() {
    const options = new Map<string, string>()
    let hasAt = false
    for (const each of text.split("&")) {
      if (each === "") continue
      const equals = each.indexOf("=")
      // A plus is a space, as in forms and in SQLAlchemy.
      const raw = (equals === -1 ? each : each.slice(0, equals)).replaceAll("+", " ")
      hasAt ||= raw.includes("@")
      const key = yield* decode("url.query", raw)
      if (key === "") return yield* refuse("url.query", "has a value without a name")
      options.set(key, yield* decode("url.query", equals === -1 ? "" : each.slice(equals + 1).replaceAll("+", " ")))
    }
    return { options: Object.fromEntries(options), hasAt }
  })

const decode = (field: string, text: string): Checked<string> => {
  try {
    return Either.right(decodeURIComponent(text))
  } catch {
    return refuse(field, "has a % that begins no percent-encoded character: a % itself is written %25")
  }
}

export const formatUrl = (record: ConnectionString): Checked<string> =>
  Either.gen(function*() {
    yield* sound(record)
    const misplaced = [...Object.keys(record.options), ...Object.keys(record.secrets)].find((key) => reserved(record.dialect).includes(key))
    if (misplaced !== undefined) return yield* refuse(`options.${misplaced}`, "has a field of its own in the record")
    if (isFile(record.dialect)) {
      const lost = (["port", "username", "password", "host"] as const).find((field) => record[field] !== undefined)
      if (lost !== undefined) return yield* refuse(lost, `has no place in a URL of ${record.dialect}`)
    }
    return renderUrl(record, (secret) => encode(Redacted.value(secret)))
  })

export const renderUrl = (record: ConnectionString, secret: (secret: Redacted.Redacted) => string): string => {
  const { database, driver, hosts, password, port, username } = record
  const login = `${encode(username ?? "")}${password === undefined ? "" : `:${secret(password)}`}`
  const where = hosts.length === 0 ? portText(port) : hosts.map((each) => hostText(each.host) + portText(each.port)).join(",")
  const query = [
    ...Object.entries(record.options).map(([key, value]) => `${encode(key)}=${encode(value)}`),
    ...Object.entries(record.secrets).map(([key, value]) => `${encode(key)}=${secret(value)}`)
  ].join("&")
  return `${record.dialect}${driver === undefined ? "" : `+${driver}`}://${login === "" ? "" : `${login}@`}${where}`
    + `${database === undefined ? "" : `/${encode(database).replaceAll("%2F", "/")}`}${query === "" ? "" : `?${query}`}`
}

const portText = (port: number | undefined): string => port === undefined ? "" : `:${port}`

const hostText = (host: string): string => isIpv6(host) ? `[${encode(host).replaceAll("%3A", ":")}]` : encode(host)

/** Printing never throws, whatever the record holds. */
const encode = (text: string): string => encodeURIComponent(text.replace(/\p{Surrogate}/gu, "\uFFFD"))
