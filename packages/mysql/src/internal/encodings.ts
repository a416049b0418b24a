/**
 * Encodings: how texts travel in a session whose character set somebody has set by hand (`SET NAMES latin1`).
 *
 * Every session begins with UTF-8 in both directions, and its texts come by none of this. The driver's converter does the
 * work, but where its name means something else than the server's, or where it has none. What an encoding has no place for
 * is said by `holds`: the server would be sent question marks, or another letter. Called by `wire`, `text`, `columns` and
 * `place`.
 *
 * @internal
 */
import * as Driver from "./driver.js"
import { strange, sure } from "./unsure.js"

/** A character set in which a session sends its texts. */
export interface Encoding {
  readonly name: string
  readonly encode: (text: string) => Buffer
  /** Whether a text comes back as it is. */
  readonly holds: (text: string) => boolean
}

// The server's latin1 is cp1252, with the control characters where that has nothing.
const high = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"

// To Node ucs2 is its own order of bytes, and the next two begin with a mark that says theirs. macce is Central European.
const others: Readonly<Record<string, string>> = { ucs2: "utf-16be", utf16: "utf-16be", utf32: "utf-32be", macintosh: "maccenteuro" }

/** The encoding of a collation; on the wire utf8mb3 is utf8mb4. */
export const encodingOf = (collation: number): string => {
  const encoding = Driver.encodingOf(collation) ?? "utf8"
  return encoding === "cesu8" ? "utf8" : others[encoding] ?? encoding
}

/** The same of a character set by its name; UTF-8 where it is none, as NULL. */
export const encodingNamed = (charset: string): string => encodingOf(Driver.collationOf(charset) ?? 0)

/** A text; U+FFFD stands where its bytes are none. */
export const decode = (bytes: Buffer, from: number, to: number, encoding: string): string => {
  if (encoding === "utf8" || encoding === "binary") return bytes.toString("utf8", from, to)
  if (encoding === "latin1") return bytes.toString("latin1", from, to).replace(/[\u0080-\u009f]/g, (c) => high[c.charCodeAt(0) - 0x80]!)
  try {
    return Driver.decodeText(bytes, from, to, encoding)
  } catch {
    // The driver's converter does not know it; ASCII is a part of these, but of swe7.
    return bytes.toString("latin1", from, to).replace(/[\u0080-\u00ff]/g, "\ufffd")
  }
}

const encode = (text: string, encoding: string): Buffer => {
  if (encoding === "utf8") return Buffer.from(text)
  if (encoding === "latin1") return Buffer.from(text.replace(/[^\0-\xff]/gu, (c) => String.fromCharCode(high.indexOf(c) + 0x80)), "latin1")
  try {
    return Driver.encodeText(text, encoding)
  } catch {
    return Buffer.from(text, "latin1")
  }
}

const known = new Map<string, Encoding>()

/** How a session sends texts whose `character_set_client` is this one; `undefined` for UTF-8. */
export const of = (charset: string): Encoding | undefined => {
  const encoding = encodingNamed(charset)
  const name = charset.toLowerCase()
  if (encoding === "utf8" && strange[name] === undefined) return undefined
  const found = known.get(name)
  if (found !== undefined) return found
  const made: Encoding = {
    name,
    encode: (text) => encode(text, encoding),
    holds: (text) => {
      if (strange[name]?.test(text) === true) return false
      // oxlint-disable-next-line no-control-regex
      if (encoding === "utf8" || /^[\0-\x7f]*$/.test(text)) return true
      // It would be what stands for a character that is not there.
      if (text.includes("\ufffd")) return false
      const bytes = encode(text, encoding)
      return decode(bytes, 0, bytes.length, encoding) === text && sure[name]?.test(bytes.toString("latin1")) !== false
    }
  }
  known.set(name, made)
  return made
}
