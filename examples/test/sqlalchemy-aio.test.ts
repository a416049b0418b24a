/**
 * The example runs, and says what it promises. It is compiled before, as `npm test` does.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"

const file = fileURLToPath(new URL("../dist/sqlalchemy-aio.js", import.meta.url))

it("sqlalchemy-aio: the page's users, then what its reference lists", () => {
  expect(existsSync(file), "examples/dist is made by `npm run check`").toBe(true)
  const folder = mkdtempSync(join(tmpdir(), "sluice-example-"))
  try {
    const { status, stderr, stdout } = spawnSync(process.execPath, [file, join(folder, "test.db")], { encoding: "utf8", timeout: 15_000 })
    expect([status, stderr]).toEqual([0, ""])
    expect(stdout.trimEnd().split("\n")).toEqual([
      "Username: Dan Rydell",
      "Username: Dana Whitaker",
      "tables: users; is there a table of teams? false",
      "user 6 was added, 1 renamed, 6 are there",
      "Jeremy Goodwin, then 2, then 3",
      "68 letters",
      "5 users are left",
      "read back: id integer, name text",
      "table \"users\" already exists"
    ])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

it("sqlalchemy-aio: the declarations of a table and of a query name nothing that a package hides", () => {
  const declarations = readFileSync(file.replace(/js$/, "d.ts"), "utf8")
  expect(declarations).toContain("readonly name: string | null")
  expect(declarations).not.toContain("/internal/")
})
