/**
 * The example runs, and says what it promises.
 */
import { expect, it } from "vitest"
import { runOnFile, said } from "./run.js"

it("sql-batcher: every example of its async page, and what each leaves behind", { timeout: 60_000 }, () => {
  expect(runOnFile("sql-batcher")).toEqual(said(
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
  ))
})
