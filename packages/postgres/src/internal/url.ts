/**
 * URLs of PostgreSQL: `postgres://user:password@host:port/database?application_name=app`, and the same with `postgresql:`.
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
  /** Its options, which are run-time parameters of the session. */
  readonly parameters: Readonly<Record<string, string>>
}

const known: ReadonlySet<string> = new Set(["application_name", "search_path", "TimeZone", "statement_timeout", "lock_timeout", "options"])

/** The parts that a URL names. */
export const parse = (text: string | undefined): Options.Checked<Parts> => {
  if (text === undefined) return Either.right({ parameters: {} })
  if (!/^postgres(?:ql)?:\/\//.test(text)) return Options.refuse("url", "must begin with postgres:// or postgresql://")
  try {
    // A user without a host is no URL to Node; with the folder of a socket it is common.
    const url = new URL(text.replace(/^(postgres(?:ql)?:\/\/[^/?#]*@)(?=[/?]|$)/, "$1localhost"))
    if (url.hash !== "") return Options.refuse("url", "has a fragment: a # in a password is written %23")
    const parameters: Record<string, string> = {}
    let socket = ""
    for (const [key, value] of url.searchParams) {
      // libpq's way to name the folder of a socket.
      if (key === "host" && value.startsWith("/")) socket = value
      else if (known.has(key)) parameters[key] = value
      else return Options.refuse("url", `has an option that is not known: ${key}`)
    }
    const host = socket !== "" ? socket : url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : decodeURIComponent(url.hostname)
    const database = decodeURIComponent(url.pathname.slice(1))
    return Either.right({
      parameters,
      ...(host === "" ? {} : { host }),
      ...(url.port === "" ? {} : { port: Number(url.port) }),
      ...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
      ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
      ...(database === "" ? {} : { database })
    })
  } catch {
    // The reason would quote the URL, and the password with it.
    return Options.refuse("url", "must look like postgres://user:password@host:5432/database")
  }
}
