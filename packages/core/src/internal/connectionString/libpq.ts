/**
 * libpq's keyword form: `host=a,b port=5432 user='a b' password=\'c`. PostgreSQL's documentation, section 34.1.1.1.
 *
 * @internal
 */
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { ConnectionString, Parts } from "../../ConnectionString.js"
import { type Checked, refuse } from "../../Options.js"
import { pair, sound, split } from "./record.js"

/** The keywords of libpq 17: by them its form is told from ADO's, and only they are named in a message. */
const keywords: ReadonlySet<string> = new Set([
  "host", "hostaddr", "port", "dbname", "user", "password", "passfile", "require_auth", "channel_binding", "connect_timeout", "client_encoding",
  "options", "application_name", "fallback_application_name", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
  "tcp_user_timeout", "replication", "gssencmode", "sslmode", "requiressl", "sslnegotiation", "sslcompression", "sslcert", "sslkey",
  "sslpassword", "sslcertmode", "sslrootcert", "sslcrl", "sslcrldir", "sslsni", "requirepeer", "ssl_min_protocol_version",
  "ssl_max_protocol_version", "krbsrvname", "gsslib", "gssdelegation", "service", "target_session_attrs", "load_balance_hosts"
])

const own: ReadonlyArray<string> = ["host", "port", "user", "password", "dbname"]

const scan = (text: string): Checked<ReadonlyMap<string, string>> =>
  Either.gen(function*() {
    const found = new Map<string, string>()
    const end = text.length
    let at = 0
    const skip = () => {
      while (at < end && /\s/.test(text[at]!)) at++
    }
    for (skip(); at < end; skip()) {
      const start = at
      while (at < end && text[at] !== "=" && !/\s/.test(text[at]!)) at++
      const key = text.slice(start, at)
      const field = `keyword ${keywords.has(key) ? key : found.size + 1}`
      skip()
      if (key === "" || text[at] !== "=") return yield* refuse(field, "has no name or no =: a value with a space stands in single quotes")
      at++
      skip()
      const isQuoted = text[at] === "'"
      if (isQuoted) at++
      let value = ""
      while (at < end && (isQuoted ? text[at] !== "'" : !/\s/.test(text[at]!))) {
        if (text[at] === "\\" && at + 1 < end) at++
        value += text[at++]!
      }
      if (isQuoted && text[at++] !== "'") return yield* refuse(field, "has a quote that does not end")
      found.set(key, value)
    }
    return found
  })

/** Whether a text is of this form and has no keyword that libpq has not. */
export const isLibpq = (text: string): boolean =>
  Either.match(scan(text), { onLeft: () => false, onRight: (found) => found.size > 0 && [...found.keys()].every((key) => keywords.has(key)) })

/** Whether it begins as this form does. */
export const beginsLibpq = (text: string): boolean => keywords.has(/^\s*(\w+)\s*=/.exec(text)?.[1] ?? "")

export const parseLibpq = (text: string, dialect: string): Checked<Parts> =>
  Either.gen(function*() {
    const found = yield* scan(text)
    const password = found.get("password")
    return {
      dialect,
      ...yield* pair(split(found.get("host")), found.get("port"), "keyword host", "keyword port"),
      username: found.get("user"),
      password: password === undefined ? undefined : Redacted.make(password),
      database: found.get("dbname"),
      options: Object.fromEntries([...found].filter(([key]) => !own.includes(key)))
    }
  })

export const formatLibpq = (record: ConnectionString): Checked<string> =>
  Either.gen(function*() {
    yield* sound(record)
    if (record.driver !== undefined) return yield* refuse("driver", "has no place in libpq's form")
    const { hosts } = record
    if (hosts.some(({ host }) => host.includes(","))) return yield* refuse("hosts", "hold a comma, which parts hosts in libpq's form")
    const ports = hosts.length === 0 ? [record.port] : hosts.map((each) => each.port)
    const pairs: Array<readonly [string, string]> = [
      ["host", hosts.map((each) => each.host).join(",")],
      ["port", ports.every((port) => port === undefined) ? "" : ports.map((port) => port ?? "").join(",")],
      ["user", record.username ?? ""],
      ["dbname", record.database ?? ""]
    ]
    const written = pairs.filter(([, value]) => value !== "")
    if (record.password !== undefined) written.push(["password", Redacted.value(record.password)])
    const secrets = Object.entries(record.secrets).map(([key, value]) => [key, Redacted.value(value)] as const)
    for (const [key, value] of [...Object.entries(record.options), ...secrets]) {
      if (own.includes(key) || /[\s=]/.test(key)) return yield* refuse(`options.${key}`, "is no keyword that libpq's form could hold")
      written.push([key, value])
    }
    return written.map(([key, value]) => `${key}=${quote(value)}`).join(" ")
  })

const quote = (value: string): string => /^[\w.,:/-]+$/.test(value) ? value : `'${value.replace(/[\\']/g, "\\$&")}'`
