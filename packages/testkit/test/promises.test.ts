/**
 * docs/PROMISES.md is what the suite says, word for word. SLUICE_WRITE_PROMISES=1 writes it.
 */
import { describe, expect, it } from "vitest"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { laws, type Text } from "@sluice/testkit/Law"
import { promises } from "@sluice/testkit/promises"
import { sqlite } from "@sluice/testkit/profiles/sqlite"
import { mariadb } from "@sluice/testkit/profiles/mysql"
import { type Case, exemption } from "@sluice/testkit/Case"
import { cases as conformance } from "../dist/suites/all.js"
import { cases as faults } from "../dist/suites/faults/all.js"

const cases: ReadonlyArray<Case<never>> = [...conformance, ...faults]

const texts: ReadonlyArray<readonly [string, Text]> = Object.entries(laws)

const page = new URL("../../../docs/PROMISES.md", import.meta.url)

describe("docs/PROMISES.md", () => {
  it("is what the suite promises", () => {
    const expected = promises()
    if (process.env["SLUICE_WRITE_PROMISES"] === "1") writeFileSync(page, expected)
    expect(existsSync(page) ? readFileSync(page, "utf8") : "").toBe(expected)
  })

  it("every law has a case, or says why not", () => {
    const silent = texts.filter(([law, text]) =>
      cases.every((one) => one.law !== law) && text.missing === undefined && text.elsewhere === undefined)
    expect(silent.map(([law]) => law)).toEqual([])
  })

  it("a law that is called missing has none", () => {
    const wrong = texts.filter(([law, text]) => text.missing !== undefined && cases.some((one) => one.law === law))
    expect(wrong).toEqual([])
  })

  it("what stands elsewhere is there", () => {
    const files = texts.flatMap(([, text]) => text.elsewhere ?? [])
    expect(files.filter((file) => !existsSync(new URL(`../../../${file}`, import.meta.url)))).toEqual([])
  })

  it("no two cases of a law have one title, and every case applies somewhere", () => {
    const titles = cases.map((one) => `${one.law} ${one.title}`)
    expect(titles.filter((title, n) => titles.indexOf(title) !== n)).toEqual([])
    // A file of SQLite has no long step, and SQLite no procedures.
    const elsewhere = (one: Case<never>) => one.needs?.some((need) => need === "longStep" || need === "procedures") === true
    expect(conformance.filter((one) => exemption(one, sqlite) !== undefined && !elsewhere(one)).map((one) => one.title)).toEqual([])
    expect(faults.filter((one) => exemption(one, mariadb) !== undefined || exemption(one, sqlite) === undefined).map((one) => one.title)).toEqual([])
  })
})
