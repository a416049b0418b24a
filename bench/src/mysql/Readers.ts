/**
 * Readers: each contender's way to read many rows as objects, one after the other.
 *
 * The table is read as often as it must be for so many rows. Direct is the driver's 'result' events, which it does not
 * hold back. Called by `Streaming` and by `growth`, which measures the memory in a process of its own.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Work } from "../Work.js"
import type { Place, Visit } from "./Data.js"
import * as Opened from "./Opened.js"

export const names = ["ours", "direct", "stock"] as const

export type Name = (typeof names)[number]

/** The parameters: the last key, and how often. */
const parts = (rows: number, inTable: number): readonly [last: number, times: number] => rows <= inTable ? [rows, 1] : [inTable, Math.round(rows / inTable)]

/** At most ten times. */
export const text = (last: string | number, times: string | number): string =>
  `SELECT id, name, city, price, at, active, score FROM ${repeated} STRAIGHT_JOIN visits WHERE id <= ${last} AND n <= ${times}`

const repeated = `(${Array.from({ length: 10 }, (_, i) => `SELECT ${i + 1} AS n`).join(" UNION ALL ")}) AS times`

type Reader = (place: Place, inTable: number) => Effect.Effect<Work, unknown, Scope.Scope>

// A fold and no effect per chunk: an effect that holds its chunk is kept by what Effect's channels keep of the one before.
const summed = <E>(stream: Stream.Stream<Visit, E>): Effect.Effect<number, E> => Stream.runFold(stream, 0, (sum, { score }) => sum + score)

const ours: Reader = (place, inTable) =>
  Effect.map(Opened.ours(place), (db) => (rows) => summed(db.unsafe<Visit>(text("?", "?"), parts(rows, inTable)).stream))

const stock: Reader = (place, inTable) =>
  Effect.map(Opened.stock(place), (sql) => (rows) => summed(sql.unsafe<Visit>(text("?", "?"), [...parts(rows, inTable)]).stream))

const direct: Reader = (place, inTable) =>
  Effect.map(Opened.direct(place), (pool) => (rows) =>
    Effect.async<number, unknown>((resume) => {
      let sum = 0
      pool.query(text("?", "?"), [...parts(rows, inTable)])
        .on("result", (row) => {
          sum += (row as unknown as Visit).score
        })
        .on("error", (error) => resume(Effect.fail(error)))
        .on("end", () => resume(Effect.succeed(sum)))
    }))

export const readers: { readonly [_ in Name]: Reader } = { ours, direct, stock }
