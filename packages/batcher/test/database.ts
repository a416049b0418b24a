/**
 * A database for each test: SQLite in a file of its own, and what its tables hold.
 */
import { Database } from "@sluice/core"
import { Sqlite } from "@sluice/sqlite"
import { Effect, Layer } from "effect"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const directory = mkdtempSync(join(tmpdir(), "sluice-batcher-"))
let files = 0

/** A fresh database with a table `t` of ids and names, which also knows the order of its rows. */
export const fresh = (config: Omit<Sqlite.Config, "filename"> = {}) =>
  Layer.unwrapEffect(Effect.sync(() => {
    const sqlite = Sqlite.layer({ ...config, filename: join(directory, `${++files}.db`) })
    const table = Effect.flatMap(Database.Database, (db) => db`CREATE TABLE t (place INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER UNIQUE, name TEXT)`.run)
    return Layer.provideMerge(Layer.effectDiscard(table), sqlite)
  }))

/** The ids in the order in which they were inserted. */
export const ids = Effect.flatMap(Database.Database, (db) => db<{ id: number }>`SELECT id FROM t ORDER BY place`.column("id"))

export const count = Effect.flatMap(Database.Database, (db) => db<number>`SELECT count(*) FROM t`.scalar)

export const insert = (id: number) => `INSERT INTO t (id) VALUES (${id})`

/** Nothing of ours is left: no connection is lent and nobody waits for one. */
export const settled = Effect.gen(function*() {
  const db = yield* Database.Database
  const { lent, waiting } = yield* db.pool.stats
  return { lent, waiting }
})
