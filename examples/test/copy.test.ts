/**
 * The example runs on real servers, and says what it promises.
 */
import { Sluice } from "@sluice/core"
import { Mysql } from "@sluice/mysql"
import { Postgres } from "@sluice/postgres"
import { Redacted } from "effect"
import { expect, it } from "vitest"
import { run, said } from "./run.js"

const [mysql, postgres] = [process.env["SLUICE_MYSQL_URL"], process.env["SLUICE_POSTGRES_URL"]]

// Without both there is nothing to copy between: `npm test` starts them, and fails under CI where it cannot.
it.runIf(mysql !== undefined && postgres !== undefined)("copy: from MariaDB to PostgreSQL, to SQLite and back, every row is what it was", { timeout: 90_000 }, async () => {
  await using first = await Sluice.open(Mysql.layer({ url: Redacted.make(String(mysql)) }))
  await using second = await Sluice.open(Postgres.layer({ url: Redacted.make(String(postgres)) }))
  await first.query`CREATE DATABASE sluice_copy CHARACTER SET utf8mb4`.run()
  await second.query`CREATE DATABASE sluice_copy`.run()
  try {
    const urls = [mysql, postgres].map((url) => new URL("/sluice_copy", url).href)
    expect(run("copy", urls)).toEqual(said(
      "mysql to postgres: 5000 rows",
      "postgres to sqlite: 5000 rows",
      "sqlite to mysql: 5000 rows",
      "mysql: every row is what it was",
      "postgres: every row is what it was",
      "sqlite: every row is what it was"
    ))
  } finally {
    for (const server of [first, second]) await server.query`DROP DATABASE sluice_copy`.run()
  }
})
