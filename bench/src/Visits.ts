/**
 * The visits: rows of seven columns, the same in every run and for every dialect.
 *
 * An integer key, two texts, a price, a timestamp, a boolean and a double. How a dialect stores them is its own
 * affair. Called by the suites.
 */

export const columns = ["id", "name", "city", "price", "at", "active", "score"] as const

export type Row = readonly [id: number, name: string, city: string, price: number, at: string, active: number, score: number]

/** A row as an object, as a stock insert takes it. */
export interface Visit {
  readonly id: number
  readonly name: string
  readonly city: string
  readonly price: number
  readonly at: string
  readonly active: number
  readonly score: number
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

/** The key that is asked for by a point query: within 10,000 rows. */
export const keyOf = (i: number): number => i * 7_919 % 10_000 + 1

/** Adds up one column, so that every row is looked at. */
export const added = (sum: number, rows: ReadonlyArray<{ readonly score: number }>): number => {
  let total = sum
  for (const { score } of rows) total += score
  return total
}

/** The parts of a list, each of at most so many. */
export const sliced = <A>(all: ReadonlyArray<A>, size: number): ReadonlyArray<Array<A>> =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))
