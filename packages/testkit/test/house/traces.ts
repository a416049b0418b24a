/**
 * The traces of a machine: what somebody's folders or registry left in a text that is meant for all.
 *
 * Called by `house.test.ts`.
 */

// In pieces, so that this file does not find itself.
const home = ["work", "root", "home", "Users"].join("|")
const registry = ["registry", `npm${"js"}`, `npm${"mirror"}`, "artifactory", "nexus", "verdaccio"].join("|")

const patterns: ReadonlyArray<{ readonly what: string; readonly pattern: RegExp }> = [
  // Not behind a letter or a dot: `example.com/home/` and `./work/` are nobody's folder.
  { what: "a path of a machine", pattern: new RegExp(String.raw`(?<![\w.~})*-])/(?:${home})/[\w.-]`) },
  { what: "a registry's address", pattern: new RegExp(String.raw`https?://[\w.:@-]*(?:${registry})`, "i") },
  { what: "a registry's host", pattern: new RegExp(String.raw`\b(?:registry\.[\w-]+|npm${"js"})\.(?:org|com|net|io|dev|local|internal)\b`, "i") }
]

/** One line for each trace in a text. */
export const tracesIn = (file: string, text: string): ReadonlyArray<string> =>
  text.split("\n").flatMap((line, index) =>
    patterns.filter(({ pattern }) => pattern.test(line)).map(({ what }) => `${file}:${index + 1} has ${what}: ${line.trim().slice(0, 120)}`)
  )

/** The addresses from which a lockfile says that packages came; a package from the registry has none. */
export const hostsIn = (lockfile: string): ReadonlyArray<string> =>
  lockfile.split("\n").flatMap((line, index) =>
    /(?:resolution|tarball|resolved|repo|registry)\b.*(?:https?|git\+?\w*):\/\//.test(line) ? [`pnpm-lock.yaml:${index + 1} ${line.trim()}`] : []
  )
