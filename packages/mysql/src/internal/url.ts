/**
 * URLs of MySQL: `mysql://user:password@host:port/database?charset=utf8mb4`, and the same with `mariadb:`.
 *
 * A part that is not understood is refused: nothing of a URL is ignored. Called by `options`.
 *
 * @internal
 */
import * as Options from "@sluice/core/Options"
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
}

const known: ReadonlySet<string> = new Set(["unixSocket", "charset", "collation", "timezone"])

/** The parts that a URL names. */
export const parse = (text: string | undefined): Options.Checked<Parts> => {
  if (text === undefined) return Either.right({})
  if (!/^(mysql|mariadb):\/\//.test(text)) return Options.refuse("url", "must begin with mysql:// or mariadb://")
  try {
    const url = new URL(text)
    if (url.hash !== "") return Options.refuse("url", "has a fragment: a # in a password is written %23")
    const options: Record<string, string> = {}
    for (const [key, value] of url.searchParams) {
      if (!known.has(key)) return Options.refuse("url", `has an option that is not known: ${key}`)
      options[key] = value
    }
    const host = url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : decodeURIComponent(url.hostname)
    const database = decodeURIComponent(url.pathname.slice(1))
    return Either.right({
      ...options,
      ...(host === "" ? {} : { host }),
      ...(url.port === "" ? {} : { port: Number(url.port) }),
      ...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
      ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
      ...(database === "" ? {} : { database })
    })
  } catch {
    // The reason would quote the URL, and the password with it.
    return Options.refuse("url", "must look like mysql://user:password@host:3306/database")
  }
}
