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
import { added, type Visit } from "../Visits.js"
import * as Opened from "./Opened.js"
import type { Work } from "../Work.js"

export const names = ["ours", "direct", "stock"] as const

export type Name = (typeof names)[number]

const ours = (filename: string): Effect.Effect<Work, unknown, Scope.Scope> =>
  Effect.map(Opened.ours(filename, true), (db) => (rows) =>
    Effect.suspend(() => {
      let sum = 0
      return db<Visit>`SELECT id, name, city, price, at, active, score FROM visits WHERE id <= ${rows}`.stream.pipe(
        Stream.runForEachChunk((chunk) =>
          Effect.sync(() => {
            sum = added(sum, Chunk.toReadonlyArray(chunk))
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
      (all) => added(0, all)
    ))

export const readers: { readonly [_ in Name]: (filename: string) => Effect.Effect<Work, unknown, Scope.Scope> } = { ours, direct, stock }
