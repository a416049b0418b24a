/**
 * A spool on a database: law B5, over the file system of @effect/platform-node.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as BulkSink from "@sluice/batcher/BulkSink"
import * as Spool from "@sluice/batcher/Spool"
import * as Column from "@sluice/core/Column"
import * as Database from "@sluice/core/Database"
import * as Table from "@sluice/core/Table"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Options } from "./ecosystem.js"

const rows = Table.make("rows_of_a_spool", { id: Column.bigint().primaryKey(), name: Column.text(40).notNull() })

type Row = Table.Row<typeof rows>

const row = (n: number): Row => ({ id: 9_007_199_254_740_993n + BigInt(n), name: `row ${n}` })

const list = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => row(from + i))

const insert = (records: ReadonlyArray<Row>) => BulkSink.load(Stream.fromIterable(records), { table: rows })

const folder = (): string => mkdtempSync(join(tmpdir(), "sluice-spool-"))

export const spool = ({ layer }: Options): void => {
  describe("B5 a spool", () => {
    it.live("is applied once, whenever its drain is interrupted, and by two that drain at once", () =>
      Effect.gen(function*() {
        const db = yield* Database.Database
        yield* Table.create(db, rows)
        const [first, second] = [yield* Spool.file<Row>(folder()), yield* Spool.file<Row>(folder())]
        for (let i = 0; i < 30; i++) {
          const fiber = yield* Effect.fork(first.follow(insert, { maxRecords: 7 }))
          yield* first.append(list(i * 20, i * 20 + 20))
          yield* Effect.sleep(Math.random() * 15)
          yield* Fiber.interrupt(fiber)
        }
        yield* second.append(list(600, 700))
        yield* Effect.all([first.drain(insert), second.drain(insert, { maxRecords: 9 })], { concurrency: 2 })
        assert.deepStrictEqual(yield* rows.select(db).orderBy(rows.id), list(0, 700))
      }).pipe(Effect.scoped, Effect.provide([layer(), NodeFileSystem.layer])))

    it.live("keeps what the database refuses, and all behind it, until it is taken", () =>
      Effect.gen(function*() {
        const db = yield* Database.Database
        yield* Table.create(db, rows)
        const spool = yield* Spool.file<Row>(folder())
        yield* rows.insert(db, row(15))
        yield* spool.append(list(0, 30))
        const error = yield* Effect.flip(spool.drain(insert, { maxRecords: 10 }))
        assert.strictEqual(error._tag, "BatchError")
        assert.deepStrictEqual(yield* rows.select(db).orderBy(rows.id), [...list(0, 10), row(15)])
        yield* rows.delete(db).where(rows.id.eq(row(15).id))
        assert.strictEqual((yield* spool.drain(insert)).records, 20)
        assert.deepStrictEqual(yield* rows.select(db).orderBy(rows.id), list(0, 30))
      }).pipe(Effect.scoped, Effect.provide([layer(), NodeFileSystem.layer])))
  })
}
