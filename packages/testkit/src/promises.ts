/**
 * Promises: the laws and their cases as a page, made from the suite, so that it cannot lie.
 *
 * It writes no file: a test compares `docs/PROMISES.md` with it, and writes that when it is told to.
 *
 * @since 0.1.0
 */
import * as Case from "./Case.js"
import { capabilities } from "./capabilities.js"
import { type Law, laws, type Text } from "./Law.js"
import type * as Profile from "./Profile.js"
import * as Mysql from "./profiles/mysql.js"
import * as Postgres from "./profiles/postgres.js"
import * as Sqlite from "./profiles/sqlite.js"
import { cases } from "./suites/all.js"
import { cases as faults } from "./suites/faults/all.js"
import { cases as secured } from "./suites/secured.js"

const profiles: ReadonlyArray<Profile.Profile> = [...Sqlite.all, ...Mysql.all, ...Postgres.all]

const families: ReadonlyArray<readonly [letter: string, title: string]> = [
  ["E", "Errors"], ["Q", "Statements"], ["P", "Pool"], ["T", "Transactions"], ["S", "Streams"], ["B", "Batches"], ["V", "Verbs"], ["C", "Connecting"]
]

/** Where a case applies: all of a dialect's profiles by the dialect's name, else each by its own. */
const where = (one: Case.Case<never>): string => {
  const applying = profiles.filter((profile) => Case.exemption(one, profile) === undefined)
  if (applying.length === 0) return "nowhere yet"
  const dialects = [...new Set(profiles.map((profile) => profile.dialect))]
  return dialects.flatMap((dialect) => {
    const own = profiles.filter((profile) => profile.dialect === dialect)
    const those = own.filter((profile) => applying.includes(profile))
    return those.length === own.length ? [dialect] : those.map((profile) => profile.name)
  }).join("; ")
}

const section = (law: Law, text: Text): string => {
  const own: ReadonlyArray<Case.Case<never>> = [...cases, ...faults, ...secured].filter((one) => one.law === law)
  const lines = [`### ${law}`, "", text.promise, ""]
  for (const one of own) lines.push(`- ${one.title} *(${where(one)})*`)
  if (own.length === 0) lines.push(`- no case yet: ${text.missing ?? "no embedded server can be asked for it; see the tests below"}`)
  for (const profile of profiles) {
    const reason = profile.exempt[law]
    if (reason !== undefined) lines.push(`- does not apply to ${profile.name}: ${reason}`)
  }
  if (text.elsewhere !== undefined) lines.push("", `Also held without a server, by ${text.elsewhere.map((file) => `\`${file}\``).join(", ")}.`)
  return lines.join("\n")
}

const shown = (value: unknown): string => Array.isArray(value) ? value.join(", ") || "none" : value === true ? "yes" : value === false ? "no" : String(value)

const table = (): string => {
  const dialects = Object.keys(capabilities)
  const names = Object.keys(Object.values(capabilities)[0] ?? {})
  return [
    `| capability | ${dialects.join(" | ")} |`,
    `|---|${dialects.map(() => "---").join("|")}|`,
    ...names.map((name) => `| ${name} | ${dialects.map((dialect) => shown(Object.entries(capabilities[dialect] ?? {}).find(([key]) => key === name)?.[1])).join(" | ")} |`)
  ].join("\n")
}

/**
 * The page, in Markdown: every law, its cases, and where each applies.
 *
 * @example
 * ```ts
 * import { promises } from "@sluice/testkit/promises"
 *
 * const page: string = promises()
 * ```
 *
 * @category docs
 * @since 0.1.0
 */
export const promises = (): string => {
  const all = Object.entries(laws) as ReadonlyArray<readonly [Law, Text]>
  const sections = families.map(([letter, title]) =>
    [`## ${title}`, ...all.filter(([law]) => law.startsWith(letter)).map(([law, text]) => section(law, text))].join("\n\n"))
  return [
    "# Promises",
    `What Sluice promises, law by law, and the cases that hold it. This page is made from the conformance suite in
\`packages/testkit\` and a test compares the two: \`SLUICE_WRITE_PROMISES=1 npx vitest run --project testkit promises\` writes it.

The suite has ${cases.length} cases, ${faults.length} in which the network or the server fails, and ${secured.length} of TLS. It runs each on every profile to which it applies: ${profiles.map((profile) => profile.name).join("; ")}.
A case that needs what a profile cannot have (a second connection, a fiber that runs on while a statement does) is not
run there, and says so below.`,
    ...sections,
    "## Capabilities\n\nWhat each dialect must claim. A dialect that stops claiming one of these fails the suite.",
    table()
  ].join("\n\n") + "\n"
}
