/**
 * URLs of MySQL: `mysql://user:password@host:port/database?charset=utf8mb4`, and the same with `mariadb:`. Several hosts
 * are separated by commas.
 *
 * A part that is not understood is refused: nothing of a URL is ignored. Called by `options`.
 *
 * @internal
 */
import type { Host } from "@sluice/core/ConnectionString"
import * as Hosts from "@sluice/core/Hosts"
import * as Options from "@sluice/core/Options"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Either from "effect/Either"

export interface Parts {
  readonly host?: string
  readonly port?: number
  readonly username?: string
  readonly password?: string
  readonly database?: string
  readonly unixSocket?: string
  readonly charset?: string
  readonly collation?: string
  readonly timezone?: string
  /** There where the URL names several. */
  readonly hosts?: ReadonlyArray<Host>
  readonly targetSessionAttrs?: Hosts.TargetSessionAttrs
  readonly loadBalanceHosts?: "disable" | "random"
}

const known: ReadonlySet<string> = new Set(["unixSocket", "charset", "collation", "timezone"])

const malformed = new Reason.ConfigError({ message: "url must look like mysql://user:password@host:3306/database", field: "url" })

/** The parts that a URL names. */
export const parse = (text: string | undefined): Options.Checked<Parts> => {
  if (text === undefined) return Either.right({})
  if (!/^(mysql|mariadb):\/\//.test(text)) return Options.refuse("url", "must begin with mysql:// or mariadb://")
  const several = /^(\w+:\/\/(?:[^/?#]*@)?)([^/?#@]*,[^/?#@]*)(.*)$/s.exec(text)
  const hosts = several === null ? undefined : Either.mapLeft(Hosts.parse(several[2]!.split(",")), () => SqlError.make(malformed))
  if (hosts !== undefined && Either.isLeft(hosts)) return Either.left(hosts.left)
  try {
    const url = new URL(several === null ? text : `${several[1]}list${several[3]}`)
    if (url.hash !== "") return Options.refuse("url", "has a fragment: a # in a password is written %23")
    const options: Record<string, string> = {}
    const chosen: { targetSessionAttrs?: Hosts.TargetSessionAttrs; loadBalanceHosts?: "disable" | "random" } = {}
    for (const [key, value] of url.searchParams) {
      if (key === "targetSessionAttrs") {
        const target = Hosts.targets.find((one) => one === value)
        if (target === undefined) return Options.refuse("url.targetSessionAttrs", `must be one of ${Hosts.targets.join(", ")}`)
        chosen.targetSessionAttrs = target
      } else if (key === "loadBalanceHosts") {
        if (value !== "disable" && value !== "random") return Options.refuse("url.loadBalanceHosts", "must be disable or random")
        chosen.loadBalanceHosts = value
      } else if (!known.has(key)) return Options.refuse("url", `has an option that is not known: ${key}`)
      else options[key] = value
    }
    const host = url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : decodeURIComponent(url.hostname)
    const database = decodeURIComponent(url.pathname.slice(1))
    return Either.right({
      ...options,
      ...chosen,
      ...(hosts !== undefined ? { hosts: hosts.right } : host === "" ? {} : { host }),
      ...(url.port === "" ? {} : { port: Number(url.port) }),
      ...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
      ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
      ...(database === "" ? {} : { database })
    })
  } catch {
    // The reason would quote the URL, and the password with it.
    return Either.left(SqlError.make(malformed))
  }
}
