/**
 * libpq's keywords: what each means for a config, whether it stands in a URL, a keyword string, a service or a variable.
 *
 * One that is not known, and one that would make a connection safer and cannot be kept, is refused by its name: nothing is
 * ignored. How a string is written is core's `ConnectionString`. Called by `sources`.
 * https://www.postgresql.org/docs/17/libpq-connect.html#LIBPQ-PARAMKEYWORDS
 *
 * @internal
 */
import type { ConnectionString, Host } from "@sluice/core/ConnectionString"
import * as Hosts from "@sluice/core/Hosts"
import * as Options from "@sluice/core/Options"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { SecureVersion } from "node:tls"
import type { Config } from "../Config.js"
import { parseRequireAuth } from "./authentication.js"

/** A file, and the field that named it. */
export interface File {
  readonly path: string
  readonly field: string
}

/** The files of TLS. */
export interface TlsFiles {
  readonly sslrootcert?: File | undefined
  readonly sslcert?: File | undefined
  readonly sslkey?: File | undefined
  readonly sslcrl?: File | undefined
}

/** What a source says; what it does not say is `undefined`. */
export interface Said extends Pick<Config,
  | "username" | "database" | "connectTimeout" | "sslmode" | "channelBinding" | "requireAuth" | "targetSessionAttrs" | "loadBalanceHosts"
> {
  /** Where the servers are; the port is for those that have none. */
  readonly hosts?: ReadonlyArray<Host> | undefined
  readonly port?: number | undefined
  /** `hostaddr`: what is connected to, in the place of looking the names up. */
  readonly addresses?: ReadonlyArray<string> | undefined
  readonly password?: Redacted.Redacted | undefined
  readonly parameters?: Readonly<Record<string, string>> | undefined
  readonly keepAlive?: boolean | undefined
  readonly service?: string | undefined
  readonly serviceFile?: File | undefined
  readonly passFile?: File | undefined
  readonly files?: TlsFiles | undefined
  readonly sslpassword?: Redacted.Redacted | undefined
  readonly minVersion?: SecureVersion | undefined
  readonly maxVersion?: SecureVersion | undefined
}

export const sslmodes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const

export const bindings = ["disable", "prefer", "require"] as const

type Read = (value: string, field: string) => Options.Checked<Said>

/** What a record says. `fieldOf` names a keyword where it was found. */
export const saidOf = (record: ConnectionString, fieldOf: (keyword: string) => string): Options.Checked<Said> =>
  Either.gen(function*() {
    let said: Said = {
      hosts: record.hosts.length === 0 ? undefined : record.hosts,
      port: record.hosts.length > 1 ? undefined : record.port,
      username: record.username,
      password: record.password,
      database: record.database
    }
    const secrets = Object.entries(record.secrets).map(([keyword, secret]) => [keyword, Redacted.value(secret)] as const)
    for (const [keyword, value] of [...Object.entries(record.options), ...secrets]) {
      const read = Object.hasOwn(readers, keyword) ? readers[keyword] : undefined
      if (read === undefined) yield* Options.refuse(fieldOf(keyword), "is an option that is not known")
      // An empty one is as one that is not set.
      else if (value !== "") said = over(said, yield* read(value, fieldOf(keyword)))
    }
    const { addresses, hosts } = said
    if (addresses === undefined) return said
    if (hosts === undefined) return { ...said, hosts: addresses.map((host) => ({ host, port: said.port })) }
    return addresses.length === hosts.length ? said : yield* Options.refuse(fieldOf("hostaddr"), `has ${addresses.length} entries for ${hosts.length} hosts`)
  })

/** Both, where the second wins. Where it names hosts, the first one's are not looked at; a port alone is for those. */
export const over = (below: Said, above: Said): Said => ({
  ...below,
  ...Object.fromEntries(Object.entries(above).filter(([, value]) => value !== undefined)),
  hosts: above.hosts ?? (above.port === undefined ? below.hosts : below.hosts?.map(({ host }) => ({ host, port: above.port }))),
  addresses: above.hosts === undefined || below.hosts === undefined ? above.addresses ?? below.addresses : above.addresses,
  parameters: { ...below.parameters, ...above.parameters },
  files: { ...below.files, ...above.files }
})

const oneOf = <const A extends string>(all: ReadonlyArray<A>, value: string, field: string): Options.Checked<A> => {
  const found = all.find((one) => one === value)
  return found === undefined ? Options.refuse(field, `must be one of ${all.join(", ")}`) : Either.right(found)
}

const whole = (value: string, field: string): Options.Checked<number> =>
  /^-?\d{1,9}$/.test(value) ? Either.right(Number(value)) : Options.refuse(field, "must be a whole number")

const parameter = (name: string): Read => (value) => Either.right({ parameters: { [name]: value } })

const file = (name: keyof TlsFiles): Read => (path, field) => Either.right({ files: { [name]: { path, field } } })

/** Of these values some are what is done here anyway, and the others cannot be kept. */
const only = (...kept: ReadonlyArray<string>): Read => (value, field) =>
  kept.includes(value.toLowerCase()) ? Either.right({}) : Options.refuse(field, `must be ${kept.join(" or ")}: nothing else is supported`)

const version = (value: string, field: string): Options.Checked<SecureVersion> => oneOf(["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"], value, field)

const readers: Readonly<Record<string, Read>> = {
  application_name: parameter("application_name"),
  fallback_application_name: parameter("application_name"),
  options: parameter("options"),
  search_path: parameter("search_path"),
  TimeZone: parameter("TimeZone"),
  statement_timeout: parameter("statement_timeout"),
  lock_timeout: parameter("lock_timeout"),
  client_encoding: only("utf8", "utf-8", "auto"),
  hostaddr: (value) => Either.right({ addresses: value.split(",").map((each) => each.trim()) }),
  // Zero and less is for ever, in libpq's words.
  connect_timeout: (value, field) =>
    Either.map(whole(value, field), (seconds) => ({ connectTimeout: seconds <= 0 ? Duration.infinity : Duration.seconds(seconds) })),
  keepalives: (value, field) => Either.map(whole(value, field), (on) => ({ keepAlive: on !== 0 })),
  sslmode: (value, field) => Either.map(oneOf(sslmodes, value, field), (sslmode) => ({ sslmode })),
  // libpq reads JDBC's word so.
  ssl: (value, field) => value === "true" ? Either.right({ sslmode: "require" }) : Options.refuse(field, "must be true, or sslmode in its place"),
  sslrootcert: file("sslrootcert"),
  sslcert: file("sslcert"),
  sslkey: file("sslkey"),
  sslcrl: file("sslcrl"),
  sslpassword: (value) => Either.right({ sslpassword: Redacted.make(value) }),
  ssl_min_protocol_version: (value, field) => Either.map(version(value, field), (minVersion) => ({ minVersion })),
  ssl_max_protocol_version: (value, field) => Either.map(version(value, field), (maxVersion) => ({ maxVersion })),
  sslcompression: only("0"),
  sslsni: only("1"),
  sslnegotiation: only("postgres"),
  sslcertmode: only("allow"),
  gssencmode: only("disable", "prefer"),
  channel_binding: (value, field) => Either.map(oneOf(bindings, value, field), (channelBinding) => ({ channelBinding })),
  require_auth: (value, field) => Either.map(parseRequireAuth(value, field), () => ({ requireAuth: value })),
  target_session_attrs: (value, field) => Either.map(oneOf(Hosts.targets, value, field), (targetSessionAttrs) => ({ targetSessionAttrs })),
  load_balance_hosts: (value, field) => Either.map(oneOf(["disable", "random"], value, field), (loadBalanceHosts) => ({ loadBalanceHosts })),
  passfile: (path, field) => Either.right({ passFile: { path, field } }),
  service: (service) => Either.right({ service }),
  servicefile: (path, field) => Either.right({ serviceFile: { path, field } })
}
