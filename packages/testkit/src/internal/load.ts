/**
 * Load: pieces of work of every kind, for those who interrupt, kill and wait. Each knows what it must answer.
 *
 * @internal
 */
import type * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Bench } from "../Faults.js"
import { add } from "./waiting.js"

/** A generator with a seed, so that a failure can be seen again: numbers from 0 to 1. */
export const seeded = (seed: number) => (): number => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
  return seed / 2_147_483_648
}

/** One piece of work; `id` is its own, and so are the ids up to the next thousand. */
export type Work = (id: number) => Effect.Effect<unknown, SqlError.SqlError | Error>

const expected = (what: string, found: unknown, wanted: unknown): Effect.Effect<void, Error> =>
  found === wanted ? Effect.void : Effect.fail(new Error(`${what} answered ${String(found)}, not ${String(wanted)}`))

const rows = (id: number, n: number) => Array.from({ length: n }, (_, i) => ({ id: id + i, name: `row ${id + i}` }))

const insert = "INSERT INTO things (id, name) VALUES (:id, :name)"

/** Work that ends by itself, and the answer that it must get. */
export const innocents = (bench: Bench, db: Database.Database): ReadonlyArray<Work> => [
  (id) => Effect.flatMap(db<number>`SELECT 40000 + ${id % 1_000} AS n`.scalar, (n) => expected("a point query", Number(n), 40_000 + id % 1_000)),
  () => Effect.flatMap(
    Stream.runFold(db.unsafe<{ i: number }>(bench.profile.sql.rows(700)).with({ fetchSize: 100 }).stream, 0, (sum, { i }) => sum + Number(i)),
    (sum) => expected("a stream", sum, 245_350)
  ),
  (id) => db.transaction(Effect.zipRight(add(db, id), Effect.flatMap(db`SELECT id FROM things WHERE id = ${id}`, (found) => expected("a transaction", found.length, 1)))),
  () => db.unsafe(bench.texts.sleep(0.002))
]

/** Work that may be stopped at any moment: some of it never ends by itself in time. */
export const victims = (bench: Bench, db: Database.Database): ReadonlyArray<Work> => {
  const { rows: many } = bench.profile.sql
  return [
    (id) => db`SELECT ${id} AS n`,
    () => db.unsafe(bench.texts.sleep(20)),
    () => db.unsafe(many(20_000)),
    () => Stream.runDrain(db.unsafe(many(30_000)).stream),
    (id) => db.transaction(Effect.all([add(db, id), add(db, id + 1), db.unsafe(bench.texts.sleep(0.001))])),
    (id) => db.transaction(Effect.zipRight(add(db, id), db.transaction(Effect.zipRight(add(db, id + 1), db.unsafe(bench.texts.sleep(20)))))),
    (id) => db.executeMany(insert, rows(id, 200)),
    (id) => db.withConnection((connection) =>
      connection.bulk === undefined ? Effect.void : Effect.scoped(Effect.flatMap(
        connection.bulk({ table: "things", columns: ["id", "name"], onConflict: "error" }),
        (writer) => Effect.zipRight(writer.write(rows(id, 900).map((row) => [row.id, row.name])), writer.finish)
      ))),
    () => Effect.scoped(Effect.flatMap(db.session, (session) => session.unsafe(bench.texts.sleep(20)))),
    () => Effect.scoped(Effect.flatMap(db.unsafe(many(100_000)).cursor, (cursor) => cursor.fetchMany(7))),
    () => db.unsafe(bench.texts.sleep(0.002)),
    // The server is held back by a consumer that is slower than it.
    () => Stream.runForEachChunk(db.unsafe(many(300_000)).stream, () => Effect.sleep(1))
  ]
}
