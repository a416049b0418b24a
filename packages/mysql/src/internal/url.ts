/**
 * URLs of MySQL: `mysql://user:password@host:port/database?charset=utf8mb4`, the same with `mariadb:`, and SQLAlchemy's
 * `mysql+aiomysql:`. How one is written is core's `ConnectionString`; here its options get their meaning.
 *
 * An option that is not known is refused: nothing of a URL is ignored. Called by `options`.
 *
 * @internal
 */
import * as ConnectionString from "@sluice/core/ConnectionString"
import * as Hosts from "@sluice/core/Hosts"
import * as Options from "@sluice/core/Options"
import * as Either from "effect/Either"
import type * as Redacted from "effect/Redacted"
import type { Config } from "../Config.js"

/** The fields that a URL may say. */
export type UrlConfig = Pick<Config,
  | "host" | "port" | "username" | "password" | "database" | "unixSocket" | "charset" | "collation" | "timezone" | "hosts"
  | "targetSessionAttrs" | "loadBalanceHosts"
>

// SQLAlchemy's drivers spell the socket with an underscore.
const known: Readonly<Record<string, "unixSocket" | "charset" | "collation" | "timezone">> = {
  unixSocket: "unixSocket", unix_socket: "unixSocket", charset: "charset", collation: "collation", timezone: "timezone"
}

/** The parts that a URL names. */
export const parse = (text: string | Redacted.Redacted): Options.Checked<UrlConfig> =>
  Either.gen(function*() {
    const { database, host, hosts, options, password, port, secrets, username } = yield* ConnectionString.parse(text, { dialect: "mysql", form: "url" })
    const { loadBalanceHosts, targetSessionAttrs, ...rest } = options
    const named: { [field in "unixSocket" | "charset" | "collation" | "timezone"]?: string } = {}
    for (const [key, value] of Object.entries({ ...rest, ...secrets })) {
      const field = Object.hasOwn(known, key) ? known[key] : undefined
      if (field === undefined || typeof value !== "string") yield* Options.refuse("url", `has an option that is not known: ${key}`)
      else named[field] = value
    }
    return {
      ...(hosts.length > 1 ? { hosts } : { host, port }),
      username,
      password,
      database,
      ...named,
      targetSessionAttrs: yield* oneOf("targetSessionAttrs", Hosts.targets, targetSessionAttrs),
      loadBalanceHosts: yield* oneOf("loadBalanceHosts", ["disable", "random"], loadBalanceHosts)
    }
  })

const oneOf = <A extends string>(key: string, all: ReadonlyArray<A>, value: string | undefined): Options.Checked<A | undefined> => {
  const found = all.find((one) => one === value)
  return found === undefined && value !== undefined ? Options.refuse(`url.${key}`, `must be one of ${all.join(", ")}`) : Either.right(found)
}
