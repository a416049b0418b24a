/**
 * Generic against the conformance suite, over a client of a few promises: better-sqlite3, and of the SQLite package its
 * description of the dialect alone.
 */
import Sqlite3 from "better-sqlite3"
import * as Generic from "@sluice/core/Generic"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Conformance from "@sluice/testkit/Conformance"
import type { Profile } from "@sluice/testkit/Profile"
import { sqliteMemory } from "@sluice/testkit/profiles/sqlite"
import { dialect } from "../src/internal/dialect.js"

const client = (): Generic.Client => {
  const file = new Sqlite3(":memory:")
  const valueOf = (value: unknown) => {
    if (typeof value === "string" && /\p{Surrogate}/u.test(value)) throw SqlError.make(new Reason.DataError({ message: "a text with half of a surrogate pair" }))
    return typeof value === "boolean" ? Number(value) : value instanceof Date ? value.toISOString() : value
  }
  const say = (sql: string) => async () => void file.exec(sql)
  const narrowed = (value: unknown) => {
    if (typeof value !== "bigint") return value
    if (!Number.isSafeInteger(Number(value))) throw SqlError.make(new Reason.DataError({ message: "an integer beyond 2^53", outcome: "applied" }))
    return Number(value)
  }
  return {
    execute: async (sql, params, { integers }) => {
      const statement = file.prepare<Array<unknown>, Array<unknown>>(sql)
      const values = params.map(valueOf)
      if (!statement.reader) {
        const { changes, lastInsertRowid } = statement.run(...values)
        return { rowsAffected: changes, lastInsertId: lastInsertRowid }
      }
      const names = statement.columns().map(({ name }) => name)
      const rows = statement.safeIntegers(true).raw(true).all(...values)
      return { rows: integers === "bigint" ? rows : rows.map((row) => row.map(narrowed)), columns: names }
    },
    begin: say("BEGIN IMMEDIATE"),
    commit: say("COMMIT"),
    rollback: say("ROLLBACK"),
    close: async () => void file.close(),
    reason: (cause, statement) => {
      if (cause instanceof RangeError || cause instanceof TypeError) return new Reason.DataError({ message: cause.message, statement, cause })
      if (!(cause instanceof Sqlite3.SqliteError)) return undefined
      const [, table, column] = /failed: (\w+)\.(\w+)/.exec(cause.message) ?? []
      const options = { message: cause.message.replaceAll(/["'].*["']/g, "…"), code: cause.code, statement, table, column, cause }
      if (/UNIQUE|PRIMARYKEY/.test(cause.code)) return new Reason.UniqueViolation({ ...options, constraint: `${table}.${column}` })
      if (cause.code.startsWith("SQLITE_CONSTRAINT")) return new Reason.ConstraintError(options)
      return cause.code === "SQLITE_ERROR" ? new Reason.SqlSyntaxError(options) : undefined
    }
  }
}

const profile: Profile = {
  ...sqliteMemory,
  name: "generic, over better-sqlite3",
  dialect: "generic",
  has: new Set(["savepoints", "returning"]),
  exempt: {
    ...sqliteMemory.exempt,
    Q1: "values go through a client as they are: what it stores and how it reads is its own",
    C2: "what server a client has behind it, and of which version, is not asked"
  }
}

Conformance.conformance("generic over better-sqlite3", {
  profile,
  layer: (config) => Generic.layer({ ...config, ...client(), pool: { ...config.pool, max: 1, min: 0, minIdle: 0 }, dialect })
})
