/**
 * The lines of an option file, as MySQL's programs read them (manual, "Using Option Files").
 *
 * Not by an ini parser: those of the registry know neither `!include`, nor a `#` in the middle of a line, nor MySQL's escapes,
 * and they lose the order of options across groups, which decides. It opens no file and knows no option. Called by `read`.
 *
 * @internal
 */

export type Line =
  | { readonly kind: "group"; readonly name: string }
  | { readonly kind: "option"; readonly name: string; readonly value: string | undefined }
  | { readonly kind: "include"; readonly what: "file" | "folder"; readonly path: string }
  | { readonly kind: "malformed" }

/** One line; nothing where it says nothing. */
export const parseLine = (text: string): Line | undefined => {
  const line = text.trim()
  if (line === "" || line.startsWith("#") || line.startsWith(";")) return undefined
  if (line.startsWith("!")) {
    const found = /^!(include|includedir)\s+(\S.*)$/.exec(line)
    return found === null ? { kind: "malformed" } : { kind: "include", what: found[1] === "include" ? "file" : "folder", path: found[2]! }
  }
  if (line.startsWith("[")) {
    const end = line.indexOf("]")
    return end === -1 ? { kind: "malformed" } : { kind: "group", name: line.slice(1, end).trim() }
  }
  const equals = line.indexOf("=")
  const comment = line.indexOf("#")
  if (equals === -1 || (comment !== -1 && comment < equals)) return optionOf(comment === -1 ? line : line.slice(0, comment), undefined)
  const value = valueOf(line.slice(equals + 1).trim())
  return value === undefined ? { kind: "malformed" } : optionOf(line.slice(0, equals), value)
}

// Dashes and underscores are the same, and a `loose` option is one that may be unknown.
const optionOf = (name: string, value: string | undefined): Line => {
  const plain = name.trim().toLowerCase().replaceAll("_", "-").replace(/^loose-/, "")
  return plain === "" ? { kind: "malformed" } : { kind: "option", name: plain, value }
}

/** Without its quotes or its comment, and with its escapes; `undefined` where a quote is not closed. */
const valueOf = (text: string): string | undefined => {
  const quote = text[0]
  if (quote === "'" || quote === "\"") {
    const end = closing(text, quote)
    if (end === -1) return undefined
    const rest = text.slice(end + 1).trim()
    return rest === "" || rest.startsWith("#") ? unescape(text.slice(1, end)) : undefined
  }
  const comment = text.indexOf("#")
  return unescape((comment === -1 ? text : text.slice(0, comment)).trim())
}

const closing = (text: string, quote: string): number => {
  for (let i = 1; i < text.length; i++) {
    if (text[i] === "\\") i++
    else if (text[i] === quote) return i
  }
  return -1
}

const escapes: Readonly<Record<string, string>> = { b: "\b", t: "\t", n: "\n", r: "\r", s: " ", "\\": "\\", "'": "'", "\"": "\"" }

// A backslash before anything else is itself.
const unescape = (text: string): string => text.replace(/\\(.)/gs, (both, one: string) => escapes[one] ?? both)
