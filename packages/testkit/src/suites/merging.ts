/**
 * Cases of B2: a script whose INSERTs were merged leaves the same database as the script itself.
 */
import { assert } from "@effect/vitest"
import * as Batcher from "@sluice/batcher/Batcher"
import * as InsertMerge from "@sluice/batcher/InsertMerge"
import * as Database from "@sluice/core/Database"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as fc from "effect/FastCheck"
import * as Stream from "effect/Stream"
import type { Bench, Case } from "../Case.js"
import { ids } from "../internal/asking.js"

/** Random statements that write into `things`: rows with and without ids, some twice, and other statements between them. */
const script = ({ profile }: Bench): fc.Arbitrary<ReadonlyArray<string>> => {
  const { lastId, literals } = profile.sql
  let names = 0
  // Most names are used once, so that most scripts are applied.
  const name = fc.constantFrom("''", "'a'", "')'", "'it''s'", "'é😀'", "'(;--'", "'/*'", "'b'", "'c'", ...literals)
    .map((literal) => literal.replace(/^((?:_utf8mb4 |E)?['"]|\$q\$)/, (quote) => `${quote}${++names} `))
  const amount = fc.constantFrom("NULL", "0", "-7", "(1 + 2) * 3", "ABS(-5) /* , */", "CASE WHEN 1 > 2 THEN 1 ELSE 2 END")
  const wild = fc.constantFrom("(SELECT COUNT(*) FROM things AS x)", "(SELECT MAX(id) FROM things AS x)", lastId)
  const id = fc.integer({ min: 1_000, max: 1_000_000 }).map(String)
  const tail = fc.constantFrom("", ";", " -- c", ...(profile.dialect === "mysql" ? [] : [" ON CONFLICT DO NOTHING"]))
  const inserts = (head: string, most: number, ...columns: ReadonlyArray<fc.Arbitrary<string>>) =>
    fc.tuple(fc.array(fc.array(fc.tuple(...columns).map((values) => `(${values.join(", ")})`), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: most }), tail)
      .map(([statements, end]) => statements.map((rows) => `${head} VALUES ${rows.join(",\n")}${end}`))
  const other = fc.constantFrom(
    "UPDATE things SET amount = amount + 1 WHERE id > 3", "DELETE FROM things WHERE amount = 9", "UPDATE things SET amount = 4 WHERE amount IS NULL",
    "INSERT INTO things (name, amount) SELECT CONCAT(name, '-', id), 1 FROM things AS x WHERE amount = 9",
    "INSERT INTO things (name) VALUES ('twice')"
  ).map((sql) => [sql])
  return fc.array(fc.oneof(
    { arbitrary: inserts("INSERT INTO things (name, amount)", 6, name, amount), weight: 6 },
    { arbitrary: inserts("insert into things( name,amount )", 2, name, amount), weight: 2 },
    { arbitrary: inserts("INSERT INTO things (id, name)", 6, id, name), weight: 4 },
    { arbitrary: inserts("INSERT INTO things (name, amount)", 2, name, wild), weight: 2 },
    { arbitrary: other, weight: 4 }
  ), { minLength: 1, maxLength: 12 }).map((statements) => ["INSERT INTO things (name) VALUES ('first')", ...statements.flat()])
}

/** What a run leaves, or why it failed: every run has a table of its own, so that generated keys begin anew. */
const left = (bench: Bench, db: Database.Database, statements: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    yield* db.unsafe("DROP TABLE things")
    yield* db.unsafe(bench.profile.sql.things)
    const run = yield* Effect.either(db.transaction(Effect.forEach(statements, (sql) => db.unsafe(sql).run, { discard: true })))
    const rows = yield* db`SELECT id, name, amount FROM things ORDER BY id`.values
    return { failure: Either.isLeft(run) ? SqlError.isSqlError(run.left) ? run.left.reason._tag : "another" : undefined, rows }
  })

const merged = (statements: ReadonlyArray<string>, options: InsertMerge.Options) =>
  Effect.map(Stream.runCollect(Stream.fromIterable(statements).pipe(InsertMerge.stream(options))), (texts) => [...texts])

export const merging: ReadonlyArray<Case> = [
  {
    law: "B2",
    title: "the merged run of random scripts and the plain one leave the same rows, or fail alike",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      let saved = 0
      let applied = 0
      for (const statements of fc.sample(script(bench), 25)) {
        const texts = yield* merged(statements, { dialect: db.dialect, maxBytes: 2_000 })
        const plain = yield* left(bench, db, statements)
        assert.deepStrictEqual(yield* left(bench, db, texts), plain, `${statements.join("\n")}\n--- merged:\n${texts.join("\n")}`)
        saved += statements.length - texts.length
        if (plain.failure === undefined) applied++
      }
      assert.isAbove(saved, 25, "statements that were merged into others")
      assert.isAbove(applied, 5, "scripts that did not fail")
    })
  },
  {
    law: "B2",
    title: "a merged stream goes through the batcher: every row once, in fewer statements",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const statements = Array.from({ length: 500 }, (_, n) => `INSERT INTO things (id, name) VALUES (${n + 1}, 'it''s (${n})')${n % 2 === 0 ? ";" : ""}`)
      const report = yield* Effect.scoped(Effect.flatMap(Batcher.make({}), (batcher) =>
        batcher.process(Stream.fromIterable(statements).pipe(InsertMerge.stream({ dialect: db.dialect, maxRows: 100 }))))).pipe(
          Effect.provideService(Database.Database, db)
        )
      assert.strictEqual(report.statements, 5)
      assert.strictEqual((yield* ids(db)).length, 500)
      assert.strictEqual(yield* db<string>`SELECT name FROM things WHERE id = 500`.scalar, "it's (499)")
    })
  },
  {
    law: "B2",
    title: "a batcher that merges sends INSERTs with parameters as few, within the server's limit of them, and stores each value",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const name = (id: number) => id % 3 === 0 ? `it's ${id}` : `$1 ? ${id}`
      const statements = Array.from({ length: 300 }, (_, n) =>
        n === 150 ? db`UPDATE things SET amount = ${7} WHERE id <= ${100}` : db`INSERT INTO things (id, name, amount) VALUES (${n + 1}, ${name(n + 1)}, ${n % 2 === 0 ? null : n})`)
      const report = yield* Effect.scoped(Effect.flatMap(Batcher.make({ mergeInserts: true }), (batcher) => batcher.process(statements))).pipe(
        Effect.provideService(Database.Database, db)
      )
      assert.strictEqual(report.statements, 300)
      // Two runs of INSERTs and the UPDATE; where the last of a run goes by itself, one more.
      assert.isAtLeast(report.rowsMerged, 295)
      const rows = yield* db<{ id: number; name: string; amount: number | null }>`SELECT id, name, amount FROM things ORDER BY id`
      assert.deepStrictEqual(rows, Array.from({ length: 300 }, (_, n) => ({ id: n + 1, name: name(n + 1), amount: n < 100 ? 7 : n % 2 === 0 ? null : n })).filter(({ id }) => id !== 151))
    })
  },
  {
    law: "B2",
    title: "a statement that asks for the key of the last INSERT is answered as without merging",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const insert = (n: number) => `INSERT INTO things (name) VALUES ('n${n}')`
      const texts = yield* merged([insert(1), insert(2), insert(3), `UPDATE things SET amount = ${bench.profile.sql.lastId} WHERE name = 'n1'`], { dialect: db.dialect })
      yield* db.transaction(Effect.forEach(texts, (sql) => db.unsafe(sql).run, { discard: true }))
      assert.deepStrictEqual(
        yield* db`SELECT amount FROM things WHERE name = 'n1'`.values,
        yield* db`SELECT id FROM things WHERE name = 'n3'`.values
      )
    })
  }
]
