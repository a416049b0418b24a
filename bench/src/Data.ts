/**
 * The data: rows of seven columns (an integer key, two texts, a real, a timestamp as text, a boolean as integer, a
 * float), the same in every run.
 *
 * Called by the measurements on SQLite.
 */
import Driver from "better-sqlite3"

export const columns = ["id", "name", "city", "price", "at", "active", "score"] as const

export type Row = readonly [id: number, name: string, city: string, price: number, at: string, active: number, score: number]

/** A row as an object, as a stock insert takes it and as every contender returns it. */
export interface Visit {
  readonly id: number
  readonly name: string
  readonly city: string
  readonly price: number
  readonly at: string
  readonly active: number
  readonly score: number
}

/** A file with rows in a table named `visits`. */
export interface Data {
  readonly filename: string
  readonly rows: number
}

const cities = ["Amsterdam", "Bogotá", "Cairo", "Dhaka", "Edinburgh", "Fukuoka", "Gdańsk", "Hanoi"]

export const row = (id: number): Row => [
  id,
  `visitor ${id * 7_919 % 100_003}`,
  cities[id % cities.length]!,
  (id * 31 % 100_000) / 100,
  `2024-${String(id % 12 + 1).padStart(2, "0")}-${String(id % 28 + 1).padStart(2, "0")} ${String(id % 24).padStart(2, "0")}:15:00`,
  id & 1,
  id / 3
]

export const record = ([id, name, city, price, at, active, score]: Row): Visit => ({ id, name, city, price, at, active, score })

export const table = (name: string, key: string): string =>
  `CREATE TABLE ${name} (id INTEGER${key}, name TEXT, city TEXT, price REAL, at TEXT, active INTEGER, score REAL)`

export const insertOne = (name: string): string =>
  `INSERT INTO ${name} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`

/** Writes the file. */
export const write = (filename: string, rows: number): Data => {
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
