/**
 * The data in SQLite: a file with the visits in it, written when it is first asked for.
 *
 * Called by the measurements on SQLite.
 */
import Driver from "better-sqlite3"
import { join } from "node:path"
import { columns, row } from "../Visits.js"

/** A file with rows in a table named `visits`. */
export interface Data {
  readonly filename: string
  readonly rows: number
}

/** What the measurements are given. */
export interface Files {
  /** The file with the rows. */
  readonly data: () => Data
  /** A new file's path, in a folder that is deleted at the end. */
  readonly newFile: (name: string) => string
}

export const table = (name: string, key: string): string =>
  `CREATE TABLE ${name} (id INTEGER${key}, name TEXT, city TEXT, price REAL, at TEXT, active INTEGER, score REAL)`

export const insertOne = (name: string): string =>
  `INSERT INTO ${name} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`

export const files = (folder: string, rows: number): Files => {
  let count = 0
  const newFile = (name: string): string => join(folder, `${name}-${++count}.db`)
  let written: Data | undefined
  return { newFile, data: () => (written ??= write(newFile("data"), rows)) }
}

const write = (filename: string, rows: number): Data => {
  const db = new Driver(filename)
  db.pragma("journal_mode = WAL")
  db.exec(table("visits", " PRIMARY KEY"))
  const insert = db.prepare(insertOne("visits"))
  db.transaction(() => {
    for (let id = 1; id <= rows; id++) insert.run(row(id))
  })()
  db.pragma("wal_checkpoint(TRUNCATE)")
  db.close()
  return { filename, rows }
}
