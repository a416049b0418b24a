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
    return end === -1 ? { kind: "malformed" } : { kind: "group", name: line.slice(1, end).trimEnd() }
  }
  const said = uncommented(line)
  const equals = said.indexOf("=")
  return equals === -1 ? optionOf(said, undefined) : optionOf(said.slice(0, equals), valueOf(said.slice(equals + 1).trim()))
}

// Dashes and underscores are the same, and a `loose` option is one that may be unknown.
const optionOf = (name: string, value: string | undefined): Line => {
  const plain = name.trim().toLowerCase().replaceAll("_", "-").replace(/^loose-/, "")
  return plain === "" ? { kind: "malformed" } : { kind: "option", name: plain, value }
}

// A comment begins anywhere but between quotes, and quotes may stand anywhere, of a name as well.
const uncommented = (line: string): string => {
  let quote: string | undefined
  for (let i = 0; i < line.length; i++) {
    const char = line[i]
    if (quote === undefined && char === "#") return line.slice(0, i)
    if (quote !== undefined && char === "\\") i++
    else if (char === quote) quote = undefined
    else if (quote === undefined && (char === "'" || char === "\"")) quote = char
  }
  return line
}

/** Without the quotes that it is between, and with its escapes. */
const valueOf = (text: string): string => {
  const isQuoted = text.length > 1 && (text[0] === "'" || text[0] === "\"") && text.endsWith(text[0])
  return unescape(isQuoted ? text.slice(1, -1) : text)
}

const escapes: Readonly<Record<string, string>> = { b: "\b", t: "\t", n: "\n", r: "\r", s: " ", "\\": "\\", "'": "'", "\"": "\"" }

// A backslash before anything else is itself.
const unescape = (text: string): string => text.replace(/\\(.)/gs, (both, one: string) => escapes[one] ?? both)
