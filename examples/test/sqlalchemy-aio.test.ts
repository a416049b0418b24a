/**
 * The example runs, and says what it promises.
 */
import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { runOnFile, said } from "./run.js"

it("sqlalchemy-aio: the page's users, then what its reference lists", { timeout: 60_000 }, () => {
  expect(runOnFile("sqlalchemy-aio")).toEqual(said(
    "Username: Dan Rydell",
    "Username: Dana Whitaker",
    "tables: users; is there a table of teams? false",
    "user 6 was added, 1 renamed, 6 are there",
    "Jeremy Goodwin, then 2, then 3",
    "68 letters",
    "5 users are left",
    "read back: id integer, name text",
    "table \"users\" already exists"
  ))
})

it("sqlalchemy-aio: the declarations of a table and of a query name nothing that a package hides", () => {
  const declarations = readFileSync(new URL("../dist/sqlalchemy-aio.d.ts", import.meta.url), "utf8")
  expect(declarations).toContain("readonly name: string | null")
  expect(declarations).not.toContain("/internal/")
})
