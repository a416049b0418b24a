/**
 * Readers: each contender's way to read many rows as objects, one after the other.
 *
 * The table is read as often as it must be for so many rows. Direct is pg-cursor by a thousand rows. postgres.js is there
 * twice: its cursor by a thousand, and its `forEach`, which the server sends everything at once and nobody can hold back.
 * Called by `Streaming` and by `growth`, which measures the memory in a process of its own.
 */
import * as Effect from "effect/Effect"
import Cursor from "pg-cursor"
import { parts, type Reader, summed } from "../Reading.js"
import type { Visit } from "./Data.js"
import * as Opened from "./Opened.js"

const perFetch = 1_000

export const text = (last: string | number, times: string | number): string =>
  `SELECT id, name, city, price, at, active, score FROM generate_series(1, ${times}) CROSS JOIN visits WHERE id <= ${last}`

const parameters = text("$1", "$2")

const ours: Reader = (place, inTable) =>
  Effect.map(Opened.ours(place), (db) => (rows) => summed(db.unsafe<Visit>(parameters, parts(rows, inTable)).stream))

const stock: Reader = (place, inTable) =>
  Effect.map(Opened.stock(place), (sql) => (rows) => summed(sql.unsafe<Visit>(parameters, parts(rows, inTable)).stream))

const direct: Reader = (place, inTable) =>
  Effect.map(Opened.direct(place), (pool) => (rows) =>
    Effect.promise(async () => {
      const client = await pool.connect()
      const cursor = client.query(new Cursor<Visit>(parameters, parts(rows, inTable)))
      let sum = 0
      for (;;) {
        const chunk = await cursor.read(perFetch)
        if (chunk.length === 0) break
        for (const { score } of chunk) sum += score
      }
      await cursor.close()
      client.release()
      return sum
    }))

const cursor: Reader = (place, inTable) =>
  Effect.map(Opened.other(place), (sql) => (rows) =>
    Effect.promise(async () => {
      let sum = 0
      for await (const chunk of sql.unsafe<Array<Visit>>(parameters, parts(rows, inTable)).cursor(perFetch)) {
        for (const { score } of chunk) sum += score
      }
      return sum
    }))

const each: Reader = (place, inTable) =>
  Effect.map(Opened.other(place), (sql) => (rows) =>
    Effect.promise(async () => {
      let sum = 0
      await sql.unsafe<Array<Visit>>(parameters, parts(rows, inTable)).forEach(({ score }) => {
        sum += score
      })
      return sum
    }))

export const readers = { ours, direct, stock, cursor, each }
