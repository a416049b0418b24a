/**
 * Readers: each contender's way to read many rows as objects, one after the other.
 *
 * The table is read as often as it must be for so many rows. Direct is the driver's 'result' events, which it does not
 * hold back. Called by `Streaming` and by `growth`, which measures the memory in a process of its own.
 */
import * as Effect from "effect/Effect"
import { parts, type Reader, summed } from "../Reading.js"
import type { Visit } from "./Data.js"
import * as Opened from "./Opened.js"

/** At most ten times. */
export const text = (last: string | number, times: string | number): string =>
  `SELECT id, name, city, price, at, active, score FROM ${repeated} STRAIGHT_JOIN visits WHERE id <= ${last} AND n <= ${times}`

const repeated = `(${Array.from({ length: 10 }, (_, i) => `SELECT ${i + 1} AS n`).join(" UNION ALL ")}) AS times`

const ours: Reader = (place, inTable) =>
  Effect.map(Opened.ours(place), (db) => (rows) => summed(db.unsafe<Visit>(text("?", "?"), parts(rows, inTable)).stream))

const stock: Reader = (place, inTable) =>
  Effect.map(Opened.stock(place), (sql) => (rows) => summed(sql.unsafe<Visit>(text("?", "?"), parts(rows, inTable)).stream))

const direct: Reader = (place, inTable) =>
  Effect.map(Opened.direct(place), (pool) => (rows) =>
    Effect.async<number, unknown>((resume) => {
      let sum = 0
      pool.query(text("?", "?"), parts(rows, inTable))
        .on("result", (row) => {
          sum += (row as unknown as Visit).score
        })
        .on("error", (error) => resume(Effect.fail(error)))
        .on("end", () => resume(Effect.succeed(sum)))
    }))

export const readers = { ours, direct, stock }
