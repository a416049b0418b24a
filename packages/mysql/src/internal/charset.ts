/**
 * Character sets: what a session's texts are converted to, and which texts survive that.
 *
 * On the wire every text is utf8mb4, in both directions, whatever the character set of the session is: a character's second
 * byte is never taken for a quote, and nothing that is read is lost. `character_set_connection` alone is the chosen one; a
 * text that has no place in it is a DataError, where the server would store question marks. Called by `options`, `session`,
 * `text` and the public module.
 *
 * @internal
 */
import * as Options from "@sluice/core/Options"
import * as Either from "effect/Either"
import * as Encodings from "./encodings.js"

export interface Charset {
  readonly name: string
  readonly collation: string | undefined
  /** What it has no place for; `undefined` where it holds everything. */
  readonly foreign: { readonly test: (text: string) => boolean } | undefined
}

// MySQL's latin1 is cp1252.
// oxlint-disable-next-line no-control-regex
const beyondLatin1 = /[^\u0000-\u007f\u00a0-\u00ff\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178]/u
const beyondPlane = /[\u{10000}-\u{10ffff}]/u
// oxlint-disable-next-line no-control-regex
const beyondAscii = /[^\u0000-\u007f]/

const foreign: ReadonlyMap<string, RegExp | undefined> = new Map([
  ["utf8mb4", undefined], ["utf8mb3", beyondPlane], ["utf8", beyondPlane], ["latin1", beyondLatin1], ["ascii", beyondAscii]
])

/** A character set by its name, with a collation of it. */
export const charsetOf = (charset: string, collation: string | undefined): Options.Checked<Charset> => {
  const name = charset.toLowerCase()
  if (!foreign.has(name)) return Options.refuse("charset", `must be one of ${[...foreign.keys()].join(", ")}`)
  if (collation !== undefined && !/^\w+$/.test(collation)) return Options.refuse("collation", "must be a name of letters, digits and underscores")
  return Either.right({ name, collation: collation?.toLowerCase(), foreign: foreign.get(name) })
}

const byHand = new Map<string, Charset>()

/** The character set that the server says a session has: the one that it is known to have, or one that somebody has set by hand. */
export const charsetBy = (given: string, known: Charset | undefined): Charset => {
  const name = given === "utf8" ? "utf8mb3" : given.toLowerCase()
  if (known !== undefined && (known.name === "utf8" ? "utf8mb3" : known.name) === name) return known
  const found = byHand.get(name)
  if (found !== undefined) return found
  const encoding = foreign.has(name) ? undefined : Encodings.of(name)
  const made = { name, collation: undefined, foreign: encoding === undefined ? foreign.get(name) : { test: (text: string) => !encoding.holds(text) } }
  byHand.set(name, made)
  return made
}

/** The assignments by which a session gets it. */
export const assignments = ({ collation, name }: Charset): string => {
  const names = `NAMES ${name}${collation === undefined ? "" : ` COLLATE ${collation}`}`
  return name === "utf8mb4" ? names : `${names}, character_set_client = utf8mb4, character_set_results = utf8mb4`
}

/** What a session's texts are converted to, on their way and then by the server. */
export interface Speech {
  readonly charset: Charset | undefined
  readonly encoding: { readonly name: string; readonly holds: (text: string) => boolean } | undefined
}

/** The character set that has no place for one of the texts; `undefined` where all have theirs. */
export const foreignTo = ({ charset, encoding }: Speech, texts: Iterable<unknown>): { readonly charset: string; readonly at: number } | undefined => {
  if (charset?.foreign === undefined && encoding === undefined) return undefined
  let at = 0
  for (const text of texts) {
    if (typeof text === "string") {
      if (encoding?.holds(text) === false) return { charset: encoding.name, at }
      if (charset?.foreign?.test(text) === true) return { charset: charset.name, at }
    }
    at++
  }
  return undefined
}
