/**
 * The ADO keyword form: `Server=tcp:host,1433;Database=orders;User Id=sa;Password='a;b'`.
 *
 * By OLE DB's rules as SqlClient and tiberius have them: keywords in any case, synonyms, values in '…', "…" or {…} with
 * the closing mark doubled, `==` for an equals sign in a keyword, the last of two wins. MySQL's and Npgsql's keywords too.
 *
 * @internal
 */
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { ConnectionString, Host, Parts } from "../../ConnectionString.js"
import { type Checked, refuse } from "../../Options.js"
import { isIpv6, isSecret, portOf, sound, split } from "./record.js"

/** Keywords with a field of their own, without spaces. */
const fields: Readonly<Record<string, "server" | "port" | "database" | "username" | "password">> = {
  server: "server", datasource: "server", address: "server", addr: "server", networkaddress: "server", host: "server", hostname: "server",
  port: "port",
  database: "database", initialcatalog: "database", databasename: "database",
  userid: "username", uid: "username", user: "username", username: "username",
  password: "password", pwd: "password"
}

/** The other keywords: how they are written, and their synonyms. An option's key is the first in camel case: `applicationName`. */
const options: ReadonlyArray<ReadonlyArray<string>> = [
  ["Encrypt"],
  ["TrustServerCertificate"],
  ["TrustServerCertificateCA"],
  ["HostNameInCertificate"],
  ["ServerCertificate"],
  ["Integrated Security", "Trusted_Connection"],
  ["Authentication"],
  ["Application Name", "App"],
  ["ApplicationIntent"],
  ["Connect Timeout", "Connection Timeout", "Timeout"],
  ["Command Timeout"],
  ["MultipleActiveResultSets"],
  ["MultiSubnetFailover"],
  ["Failover Partner"],
  ["Packet Size"],
  ["Persist Security Info"],
  ["Pooling"],
  ["Min Pool Size"],
  ["Max Pool Size"],
  ["Current Language", "Language"],
  ["Workstation ID", "WSID"],
  ["AttachDbFilename"],
  ["Driver"],
  ["Access Token"],
  ["SSL Mode"],
  ["Character Set", "CharSet"]
]

const bare = (keyword: string): string => keyword.toLowerCase().replace(/[\s_]/g, "")

const camel = (written: string): string => written.replace(/^[A-Z]+(?![a-z])|^[A-Z]/, (head) => head.toLowerCase()).replaceAll(" ", "")

const known: ReadonlyMap<string, string> = new Map(options.flatMap((names) => names.map((name) => [bare(name), camel(names[0]!)] as const)))

const spelled: ReadonlyMap<string, string> = new Map(options.map((names) => [camel(names[0]!), names[0]!] as const))

const fieldOf = (keyword: string) => Object.hasOwn(fields, bare(keyword)) ? fields[bare(keyword)] : undefined

const isKnown = (keyword: string): boolean => fieldOf(keyword) !== undefined || known.has(bare(keyword))

const keyOf = (keyword: string): string => known.get(bare(keyword)) ?? keyword

interface Pair {
  readonly keyword: string
  readonly field: string
  readonly value: string
  /** An empty value in quotes is a value; one without is none. */
  readonly isQuoted: boolean
}

const closing: Readonly<Record<string, string>> = { "'": "'", "\"": "\"", "{": "}" }

const scan = (text: string): Checked<ReadonlyArray<Pair>> =>
  Either.gen(function*() {
    const found: Array<Pair> = []
    const end = text.length
    let at = 0
    const skip = () => {
      while (at < end && /\s/.test(text[at]!)) at++
    }
    while (at < end) {
      skip()
      if (text[at] === ";" || at >= end) {
        at++
        continue
      }
      let keyword = ""
      while (at < end && text[at] !== ";" && (text[at] !== "=" || text[at + 1] === "=")) {
        if (text[at] === "=") at++
        keyword += text[at++]!
      }
      keyword = keyword.trim().replace(/\s+/g, " ")
      // A keyword that nobody knows may be a piece of a password: it is named by its place.
      const field = `keyword ${isKnown(keyword) ? keyword : found.length + 1}`
      if (keyword === "" || text[at] !== "=") return yield* refuse(field, "has no name or no =: a value with a semicolon stands in quotes")
      at++
      skip()
      const close = at < end && Object.hasOwn(closing, text[at]!) ? closing[text[at]!] : undefined
      let value = ""
      if (close === undefined) {
        while (at < end && text[at] !== ";") value += text[at++]!
        value = value.trim()
      } else {
        for (at++; at < end && (text[at] !== close || text[at + 1] === close); at++) {
          if (text[at] === close) at++
          value += text[at]!
        }
        if (text[at++] !== close) return yield* refuse(field, "has a quote that does not end")
        skip()
        if (at < end && text[at] !== ";") return yield* refuse(field, "goes on after its quote: a quote inside of quotes is doubled")
      }
      found.push({ keyword, field, value, isQuoted: close !== undefined })
    }
    return found
  })

/**
 * How sure it is that a text is of this form: 0 where it is malformed, has a keyword that is not in the tables, or a value that
 * looks like libpq's pairs; 2 where a semicolon parts it; 1 else.
 */
export const likeAdo = (text: string): 0 | 1 | 2 =>
  Either.match(scan(text), {
    onLeft: () => 0,
    onRight: (pairs) =>
      pairs.some(({ isQuoted, keyword, value }) => !isKnown(keyword) || (!isQuoted && /\s\w+\s*=/.test(value)))
        ? 0
        : pairs.length > 1 || text.endsWith(";")
        ? 2
        : 1
  })

export const parseAdo = (text: string, dialect: string): Checked<Parts> =>
  Either.gen(function*() {
    const others = new Map<string, string>()
    let hosts: ReadonlyArray<Host> = []
    let port: number | undefined
    let [database, username]: Array<string | undefined> = []
    let password: Redacted.Redacted | undefined
    for (const { field, isQuoted, keyword, value } of yield* scan(text)) {
      switch (fieldOf(keyword)) {
        case "server": {
          const [list, instance] = yield* (dialect === "mssql" ? parseServer(field, value) : Either.map(parseHosts(field, value), (all) => [all, ""] as const))
          hosts = list
          if (instance !== "") others.set("instanceName", instance)
          break
        }
        case "port":
          port = yield* portOf(field, value)
          break
        case "database":
          database = value
          break
        case "username":
          username = value
          break
        case "password":
          password = value === "" && !isQuoted ? undefined : Redacted.make(value)
          break
        case undefined: {
          const key = keyOf(keyword)
          for (const other of others.keys()) if (other.toLowerCase() === key.toLowerCase()) others.delete(other)
          // Without a value a keyword takes its default, as if it did not stand there.
          if (value !== "" || isQuoted) others.set(key, value)
        }
      }
    }
    return {
      dialect,
      hosts: hosts.map((each) => ({ host: each.host, port: each.port ?? port })),
      port,
      database,
      username,
      password,
      options: Object.fromEntries(others)
    }
  })

/** SQL Server's: `tcp:host\instance,port`. */
const parseServer = (field: string, text: string): Checked<readonly [hosts: ReadonlyArray<Host>, instance: string]> =>
  Either.gen(function*() {
    const protocol = /^\s*(tcp|np|lpc|admin|via)\s*:/i.exec(text)
    if (protocol !== null && protocol[1]!.toLowerCase() !== "tcp") return yield* refuse(field, "must be reached by tcp: named pipes and shared memory are not spoken")
    const [address = "", digits, ...more] = text.slice(protocol?.[0].length ?? 0).split(",")
    if (more.length > 0) return yield* refuse(field, "has more than a host and a port")
    const port = yield* portOf(field, digits ?? "")
    const back = address.indexOf("\\")
    const name = (back === -1 ? address : address.slice(0, back)).trim().replace(/^\[(.*)\]$/, "$1")
    const instance = back === -1 ? "" : address.slice(back + 1).trim()
    if (/^\(localdb\)$/i.test(name)) return yield* refuse(field, "must not be a LocalDB, which is reached by shared memory only")
    if (/\s/.test(name)) return yield* refuse(field, "has a space in its host")
    const host = name === "." || /^\(local\)$/i.test(name) ? "localhost" : name
    if (host === "") {
      return digits === undefined && instance === "" ? [[], ""] as const : yield* refuse(field, "has no host before its port or instance")
    }
    return [[{ host, port }], instance] as const
  })

/** The others': `host:port,host`. */
const parseHosts = (field: string, text: string): Checked<ReadonlyArray<Host>> =>
  Either.gen(function*() {
    const hosts: Array<Host> = []
    for (const each of split(text)) {
      const [, address, name, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(each) ?? []
      const host = isIpv6(each) ? each : address ?? name
      if (host === undefined || host === "" || /\s/.test(host)) return yield* refuse(field, "has a malformed host")
      hosts.push({ host, port: isIpv6(each) ? undefined : yield* portOf(field, digits ?? "") })
    }
    return hosts
  })

export const formatAdo = (record: ConnectionString): Checked<string> =>
  Either.gen(function*() {
    yield* sound(record)
    if (record.driver !== undefined) return yield* refuse("driver", "has no place in ADO's form")
    const written: Array<readonly [keyword: string, value: string]> = []
    const isMssql = record.dialect === "mssql"
    const { hosts } = record
    if (hosts.some(({ host }) => (!isIpv6(host) && /[:[\]]/.test(host)) || /[\s,\\()]|^\.$/.test(host))) {
      return yield* refuse("hosts", "hold what no host of ADO's form does: a space, a comma, a colon, a backslash or a parenthesis")
    }
    if (isMssql && hosts.length > 1) return yield* refuse("hosts", "must be one in SQL Server's form")
    const { instanceName, ...rest } = record.options
    const isNamed = isMssql && hosts.length === 1 && instanceName !== undefined && /^[\w$#-]+$/.test(instanceName)
    if (hosts.length > 0) {
      const addresses = hosts.map(({ host, port }) => {
        const name = isIpv6(host) ? `[${host}]` : host
        return isMssql
          ? `${name}${isNamed ? `\\${instanceName}` : ""}${port === undefined ? "" : `,${port}`}`
          : `${name}${port === undefined ? "" : `:${port}`}`
      })
      written.push(["Server", addresses.join(",")])
    } else if (record.port !== undefined) written.push(["Port", String(record.port)])
    if (record.database !== undefined) written.push(["Database", record.database])
    if (record.username !== undefined) written.push(["User Id", record.username])
    if (record.password !== undefined) written.push(["Password", Redacted.value(record.password)])
    const others = Object.entries(isNamed ? rest : record.options)
    const secrets = Object.entries(record.secrets).map(([key, value]) => [key, Redacted.value(value)] as const)
    const seen = new Set<string>()
    for (const [key, value] of [...others, ...secrets]) {
      const isPlain = key.trim().replace(/\s+/g, " ") === key && !key.includes(";") && fieldOf(key) === undefined && keyOf(key) === key
      if (!isPlain || seen.has(key.toLowerCase()) || isSecret(spelled.get(key) ?? key) !== isSecret(key)) {
        return yield* refuse(`options.${key}`, "is no keyword that ADO's form could hold beside the others")
      }
      seen.add(key.toLowerCase())
      written.push([(spelled.get(key) ?? key).replaceAll("=", "=="), value])
    }
    return written.map(([keyword, value]) => `${keyword}=${quote(value)}`).join(";")
  })

const quote = (value: string): string => /^[\w.,:\\$#@[\]/-]+$/.test(value) ? value : `"${value.replaceAll("\"", "\"\"")}"`
