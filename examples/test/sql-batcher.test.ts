/**
 * The example runs, and says what it promises. It is compiled before, as `npm test` does.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"

const file = fileURLToPath(new URL("../dist/sql-batcher.js", import.meta.url))

it("sql-batcher: every example of its async page, and what each leaves behind", { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-example-"))
  try {
    const { status, stderr, stdout } = spawnSync(process.execPath, [file, join(folder, "app.db")], { encoding: "utf8", timeout: 45_000 })
    expect([status, stderr]).toEqual([0, ""])
    expect(stdout.trimEnd().split("\n")).toEqual([
      "3 statements in 1 batch",
      "my_async_execute_function: INSERT INTO t VALUES (1),(2);",
      "add_statement: false",
      "add_statement: true",
      "add_statement: false",
      "flush: 1",
      "collected, dry-run: INSERT INTO table1 VALUES (3, 'one; two'); {\"source\":\"example\"}",
      "process_batch: 3 updated, then [{\"rows\":3}]",
      "process_stream: [{\"name\":\"John\"},{\"name\":\"Jane\"}]",
      "1 statement was not sent",
      "users: John, Jane, Ada"
    ])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
