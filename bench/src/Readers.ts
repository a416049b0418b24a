/**
 * Readers: each contender's way to read many rows as objects, one after the other.
 *
 * The stock driver has no streaming (its `stream` dies), so it reads all rows into memory. Called by `Streaming` and by
 * `growth`, which measures the memory in a process of its own.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Visit } from "./Data.js"
import * as Opened from "./Opened.js"
import type { Work } from "./Work.js"

export const names = ["ours", "direct", "stock"] as const

export type Name = (typeof names)[number]

/** Adds up one column, so that every row is looked at. */
const add = (sum: number, rows: ReadonlyArray<Visit>): number => {
  let total = sum
  for (const { score } of rows) total += score
  return total
}

const ours = (filename: string): Effect.Effect<Work, unknown, Scope.Scope> =>
  Effect.map(Opened.ours(filename, true), (db) => (rows) =>
    Effect.suspend(() => {
      let sum = 0
      return db<Visit>`SELECT id, name, city, price, at, active, score FROM visits WHERE id <= ${rows}`.stream.pipe(
        Stream.runForEachChunk((chunk) =>
          Effect.sync(() => {
            sum = add(sum, Chunk.toReadonlyArray(chunk))
          })
        ),
        Effect.map(() => sum)
      )
    }))

const direct = (filename: string): Effect.Effect<Work, unknown, Scope.Scope> =>
  Effect.map(Opened.direct(filename), (db) => {
    const statement = db.prepare<[number], Visit>("SELECT id, name, city, price, at, active, score FROM visits WHERE id <= ?")
    return (rows) =>
      Effect.sync(() => {
        let sum = 0
        for (const { score } of statement.iterate(rows)) sum += score
        return sum
      })
  })

const stock = (filename: string): Effect.Effect<Work, unknown, Scope.Scope> =>
  Effect.map(Opened.stock(filename), (sql) => (rows) =>
    Effect.map(
      sql<Visit>`SELECT id, name, city, price, at, active, score FROM visits WHERE id <= ${rows}`,
      (all) => add(0, all)
    ))

export const readers: { readonly [_ in Name]: (filename: string) => Effect.Effect<Work, unknown, Scope.Scope> } = { ours, direct, stock }
