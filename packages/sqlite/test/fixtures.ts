/**
 * What the tests of the connection share: queries, files, connections that end with their scope.
 *
 * @since 0.1.0
 */
import type * as Connection from "@sluice/core/Connection"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect, type Options, type SqliteConnection } from "../dist/internal/connection.js"

export const directory = mkdtempSync(join(tmpdir(), "sluice-sqlite-"))
let files = 0
export const newFile = (): string => join(directory, `${++files}.db`)

export const query = (sql: string, params: ReadonlyArray<unknown> = [], more: Partial<Connection.Query> = {}): Connection.Query => ({
  sql, params, rowMode: "object", prepare: true, readOnly: false, returnsRows: true, integers: undefined,
  duplicates: "last", fetchSize: 1000, timeout: undefined, ...more
})

export const opened = (options: Partial<Options> = {}) =>
  Effect.acquireRelease(connect({ filename: ":memory:", ...options }), (c) => Effect.orDie(c.close("destroy")))

export const all = (c: SqliteConnection, sql: string, params: ReadonlyArray<unknown> = [], more: Partial<Connection.Query> = {}) =>
  Effect.map(c.execute(query(sql, params, more)), (r) => r.rows)

export const reason = <A>(effect: Effect.Effect<A, SqlError.SqlError>) => Effect.map(Effect.flip(effect), (e) => e.reason)

export const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"

export const setupFile = (body: string): string => {
  const path = join(directory, `setup${++files}.mjs`)
  writeFileSync(path, body)
  return path
}
