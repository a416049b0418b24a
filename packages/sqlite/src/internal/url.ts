/**
 * SQLite's URLs: `sqlite:///relative`, `sqlite:////absolute`, `sqlite://` for memory, as SQLAlchemy writes them.
 *
 * @internal
 */
import * as Options from "@sluice/core/Options"
import * as Either from "effect/Either"

/** The file that a URL names. */
export const filenameOf = (url: string | undefined): Options.Checked<string> => {
  if (url === undefined) return Options.refuse("filename", "or url must be given")
  if (!url.startsWith("sqlite:")) return Options.refuse("url", "must begin with sqlite:")
  const match = /^sqlite:\/\/(\/[^?#]*)?$/.exec(url)
  if (match === null) return Options.refuse("url", "must look like sqlite:///relative/path, sqlite:////absolute/path or sqlite://")
  const path = match[1]
  if (path === undefined || path === "/" || path === "/:memory:") return Either.right(":memory:")
  const decoded = decode(path.slice(1))
  return decoded === undefined ? Options.refuse("url", "has a percent sign that escapes nothing") : Either.right(decoded)
}

const decode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
