/**
 * Cases of V1, V2 and V5: what a statement answers, verbs of more than one statement, and the stock client.
 */
import { assert } from "@effect/vitest"
import * as StockClient from "@effect/sql/SqlClient"
import * as Database from "@sluice/core/Database"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Case } from "../Case.js"
import { add, failure, fails, ids, misuse } from "../internal/asking.js"

export const verbs: ReadonlyArray<Case> = [
  {
    law: "V1",
    title: "first, one, scalar, scalarOption and column, with and without rows",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const all = db<{ id: number; name: string }>`SELECT id, name FROM things ORDER BY id`
      assert.deepStrictEqual(yield* all, [])
      assert.deepStrictEqual(yield* all.first, Option.none())
      assert.deepStrictEqual(yield* all.scalarOption, Option.none())
      assert.deepStrictEqual(yield* all.column("name"), [])
      for (const effect of [all.one, all.scalar]) {
        const reason = yield* misuse(effect as typeof all.one, "ResultError")
        assert.strictEqual(reason.found, 0)
        assert.match(reason.expected, /one row/)
      }
      yield* add(db, 1, "a")
      assert.deepStrictEqual(yield* all.one, { id: 1, name: "a" })
      yield* add(db, 2, "b")
      assert.deepStrictEqual(yield* all.first, Option.some({ id: 1, name: "a" }))
      assert.strictEqual(yield* all.scalar, 1)
      assert.deepStrictEqual(yield* all.scalarOption, Option.some(1))
      assert.deepStrictEqual(yield* all.column("name"), ["a", "b"])
      assert.deepStrictEqual(yield* all.values, [[1, "a"], [2, "b"]])
      assert.deepStrictEqual(yield* all.unprepared, [{ id: 1, name: "a" }, { id: 2, name: "b" }])
      assert.strictEqual((yield* misuse(all.one, "ResultError")).found, 2)
      assert.include((yield* misuse(all.column("none" as "id"), "ResultError")).message, "none")
    })
  },
  {
    law: "V1",
    title: "scalar and scalarOption of a NULL are null, and no missing row",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      assert.strictEqual(yield* db`SELECT NULL AS a`.scalar, null)
      assert.deepStrictEqual(yield* db`SELECT NULL AS a`.scalarOption, Option.some(null))
    })
  },
  {
    law: "V1",
    title: "run and result tell what a statement changed, and result its columns for no row, too",
    needs: ["lastInsertId"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      assert.deepStrictEqual(yield* db`INSERT INTO things (name) VALUES ('a')`.run, { rowsAffected: 1, lastInsertId: 1 })
      assert.deepStrictEqual(yield* db`INSERT INTO things (name) VALUES ('b'), ('c')`.run, { rowsAffected: 2, lastInsertId: 3 })
      assert.strictEqual((yield* db`UPDATE things SET amount = 1`.run).rowsAffected, 3)
      assert.strictEqual((yield* db`DELETE FROM things WHERE id = 99`.run).rowsAffected, 0)
      const result = yield* db`SELECT id, name AS label, 1 + 1 AS two FROM things WHERE 1 = 0`.result
      assert.deepStrictEqual(result.columns.map((column) => column.name), ["id", "label", "two"])
      assert.deepStrictEqual([result.rows.length, result.rowsAffected], [0, 0])
      assert.isString(result.columns[0]?.type)
      assert.strictEqual((yield* db`SELECT 1 AS a`.results).length, 1)
    })
  },
  {
    law: "V1",
    title: "two columns of one name: values keep both, rows take the last, or are refused",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const twins = db`SELECT 1 AS a, 2 AS a`
      assert.deepStrictEqual(yield* twins.values, [[1, 2]])
      assert.deepStrictEqual(yield* twins, [{ a: 2 }])
      yield* misuse(twins.with({ duplicates: "error" }), "ResultError")
      assert.deepStrictEqual(yield* twins.with({ duplicates: "error" }).values, [[1, 2]])
      const strict = yield* bench.open({ duplicates: "error" })
      yield* misuse(strict`SELECT 1 AS a, 2 AS a`, "ResultError")
    })
  },
  {
    law: "V1",
    title: "a cursor has one position, None and [] at the end, and ClosedError after its scope",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const query = db.unsafe<{ i: number }>(bench.profile.sql.rows(25)).with({ fetchSize: 4 })
      const leaked = yield* Effect.scoped(Effect.gen(function*() {
        const cursor = yield* query.cursor
        assert.deepStrictEqual(cursor.columns.map((column) => column.name), ["i"])
        assert.deepStrictEqual(yield* cursor.fetchOne, Option.some({ i: 1 }))
        assert.deepStrictEqual((yield* cursor.fetchMany(3)).map(({ i }) => i), [2, 3, 4])
        assert.strictEqual((yield* cursor.fetchMany()).length, 1)
        const [a, b] = yield* Effect.all([cursor.fetchMany(5), cursor.fetchMany(5)], { concurrency: 2 })
        assert.deepStrictEqual([...a, ...b].map(({ i }) => i).toSorted((x, y) => x - y), [6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
        for (const n of [0, -1, 1.5, Number.NaN]) yield* misuse(cursor.fetchMany(n), "ConfigError")
        assert.strictEqual((yield* cursor.fetchAll).length, 10)
        assert.deepStrictEqual(yield* cursor.fetchOne, Option.none())
        assert.deepStrictEqual(yield* cursor.fetchMany(3), [])
        assert.deepStrictEqual(yield* cursor.fetchAll, [])
        return cursor
      }))
      yield* misuse(leaked.fetchOne, "ClosedError")
    })
  },
  {
    law: "V2",
    title: "executeMany sums what was affected, is atomic, and sends nothing for no row",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const insert = "INSERT INTO things (id, name) VALUES (:id, :name)"
      const { acquired } = yield* db.pool.stats
      assert.strictEqual((yield* db.executeMany(insert, [])).rowsAffected, 0)
      assert.strictEqual((yield* db.pool.stats).acquired, acquired, "no connection was asked for")
      const rows = Array.from({ length: 500 }, (_, n) => ({ id: n + 1, name: `n${n}` }))
      assert.strictEqual((yield* db.executeMany(insert, rows)).rowsAffected, 500)
      assert.strictEqual((yield* db.executeMany(db`UPDATE things SET amount = ${1} WHERE id < ${2}`.compile()[0], [[7, 11], [8, 3]])).rowsAffected, 12)
      yield* fails(db.executeMany(insert, [{ id: 501, name: "new" }, { id: 1, name: "again" }]), "UniqueViolation")
      assert.strictEqual((yield* ids(db)).length, 500)
    })
  },
  {
    law: "V2",
    title: "executeMany tells what each row did, and after a failure that of those before it",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 650)
      const [insert] = db`INSERT INTO things (id, name) VALUES (${1}, ${""})`.compile()
      const [update] = db`UPDATE things SET amount = ${1} WHERE id <= ${2}`.compile()
      const told: Array<number> = []
      const onRow = (rowsAffected: number, index: number) => told[index] = rowsAffected
      yield* db.executeMany(update, [[1, 650], [2, 0], [3, 649]], { onRow })
      assert.deepStrictEqual(told, [1, 0, 0])
      told.length = 0
      // Among as many as go in one statement, or behind parts that are under way at once, where a dialect has such ways.
      for (const count of [700, 3_000]) {
        const rows = Array.from({ length: count }, (_, i) => [count - 49 === i ? 650 : i + 1_000, `n${i}`.padEnd(80, "-")])
        told.length = 0
        yield* fails(db.executeMany(insert, rows, { onRow }), "UniqueViolation")
        assert.deepStrictEqual(told, rows.slice(0, count - 49).map(() => 1))
        assert.deepStrictEqual(yield* ids(db), [650])
      }
    })
  },
  {
    law: "V2",
    title: "with atomic: false executeMany is a part of the transaction, which undoes it; outside of one it is atomic by itself",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const [insert] = db`INSERT INTO things (id, name) VALUES (${1}, ${""})`.compile()
      const rows = (...ids: ReadonlyArray<number>) => ids.map((id) => [id, `n${id}`])
      yield* fails(db.executeMany(insert, rows(1, 2, 2), { atomic: false }), "UniqueViolation")
      assert.deepStrictEqual(yield* ids(db), [])
      yield* fails(db.transaction(Effect.zipRight(db.executeMany(insert, rows(1, 2), { atomic: false }), db.executeMany(insert, rows(3, 3), { atomic: false }))), "UniqueViolation")
      assert.deepStrictEqual(yield* ids(db), [])
      yield* db.transaction(db.executeMany(insert, rows(1, 2, 3), { atomic: false }))
      assert.deepStrictEqual(yield* ids(db), [1, 2, 3])
    })
  },
  {
    law: "V2",
    title: "what onRow and onResult throw is a defect of theirs: nothing is kept, and the connection goes on",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 1 } })
      const [insert] = db`INSERT INTO things (id, name) VALUES (${1}, ${""})`.compile()
      const throws = (_: unknown, index: number): void => {
        if (index === 1) throw new Error("not this one")
      }
      const dies = <A>(work: Effect.Effect<A, unknown>) =>
        Effect.map(Effect.exit(work), (exit) => assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause) && String(Cause.squash(exit.cause)).includes("not this one")))
      // To MySQL an id of 0 is none: it gives the next one.
      const rows = Array.from({ length: 700 }, (_, i) => [i + 1, `n${i}`])
      yield* dies(db.executeMany(insert, rows.slice(0, 3), { onRow: throws }))
      yield* dies(db.executeMany(insert, rows, { onRow: throws }))
      yield* dies(db.batch([db`INSERT INTO things (id, name) VALUES (1, 'a')`, db`INSERT INTO things (id, name) VALUES (2, 'b')`], { onResult: throws }))
      assert.deepStrictEqual(yield* ids(db), [])
      assert.strictEqual((yield* db.executeMany(insert, rows)).rowsAffected, 700)
    })
  },
  {
    law: "V2",
    title: "a ragged row of executeMany is refused with its index, before anything is sent",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const positional = db`INSERT INTO things (id, name) VALUES (${1}, ${2})`.compile()[0]
      assert.include((yield* misuse(db.executeMany(positional, [[1, "a"], [2, "b"], [3]]), "ConfigError")).message, "[2]")
      assert.include((yield* misuse(db.executeMany("INSERT INTO things (id, name) VALUES (:id, :name)", [{ id: 1, name: "a" }, { id: 2 }]), "ConfigError")).message, "[1]")
      const parsed = JSON.parse(`[{ "id": 1, "name": "a" }, null]`) as ReadonlyArray<Readonly<Record<string, unknown>>>
      assert.include((yield* misuse(db.executeMany("INSERT INTO things (id, name) VALUES (:id, :name)", parsed), "ConfigError")).message, "[1]")
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "V2",
    title: "batch sends many different statements, tells each result in order, and which one failed",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      // Texts with values, one text again and again, strings and comments that would swallow what follows, and queries.
      const statements = Array.from({ length: 700 }, (_, n) =>
        n % 7 === 0
          ? db.unsafe<{ id: number }>(`SELECT id FROM things WHERE id = ${n - 1} -- ; 'one`)
          : n % 2 === 0
          ? db.unsafe(`INSERT INTO things (id, name) VALUES (${n}, 'a;b''c${n}') -- last`)
          : db`INSERT INTO things (id, name) VALUES (${n}, ${`it's; ${n}`})`)
      const told: Array<number> = []
      const results = yield* db.batch(statements, { onResult: (_, index) => told.push(index) })
      assert.deepStrictEqual(told, statements.map((_, index) => index))
      assert.deepStrictEqual(results.slice(0, 9).map((result) => result.rows.length === 0 ? result.rowsAffected : result.rows), [0, 1, 1, 1, 1, 1, 1, [{ id: 6 }], 1])
      assert.strictEqual((yield* ids(db)).length, 600)
      assert.strictEqual(yield* db<string>`SELECT name FROM things WHERE id = 8`.scalar, "a;b'c8")
      for (const atomic of [true, false]) {
        yield* db`DELETE FROM things WHERE id > 500`
        told.length = 0
        const duplicate = [901, 902, 1, 903].map((id) => db`INSERT INTO things (id, name) VALUES (${id}, ${`n${id}`})`)
        const reason = yield* fails(db.batch(duplicate, { atomic, onResult: (_, index) => told.push(index) }), "UniqueViolation")
        assert.match(String(reason.statement), /INSERT INTO things/)
        assert.deepStrictEqual(told, [0, 1])
        assert.deepStrictEqual((yield* ids(db)).filter((id) => id > 900), atomic ? [] : [901, 902])
      }
    })
  },
  {
    law: "V2",
    title: "batch with a result each, and is atomic unless it is told otherwise",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const insert = (id: number) => db`INSERT INTO things (id, name) VALUES (${id}, ${`n${id}`})`
      assert.deepStrictEqual(yield* db.batch([]), [])
      const results = yield* db.batch([insert(1), insert(2), db`SELECT id FROM things ORDER BY id`])
      assert.deepStrictEqual(results.map((result) => result.rowsAffected), [1, 1, 0])
      assert.deepStrictEqual(results[2]?.rows, [{ id: 1 }, { id: 2 }])
      yield* fails(db.batch([insert(3), insert(1), insert(4)]), "UniqueViolation")
      assert.deepStrictEqual(yield* ids(db), [1, 2])
      yield* fails(db.batch([insert(3), insert(1), insert(4)], { atomic: false }), "UniqueViolation")
      assert.deepStrictEqual(yield* ids(db), [1, 2, 3])
    })
  },
  {
    law: "V2",
    title: "a script's statements run in order on one connection; quotes, comments and triggers split nothing",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      assert.strictEqual((yield* db.script(bench.profile.sql.script)).length, 3)
      assert.includeMembers([...(yield* ids(db))], [1, 2])
      assert.strictEqual(yield* db<string>`SELECT name FROM things WHERE id = 1`.scalar, "a;b")
      assert.deepStrictEqual(yield* db.script("  -- nothing\n ; ;"), [])
      yield* db.script("BEGIN; DELETE FROM things; COMMIT")
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "V2",
    title: "a script stops at its first failure, which tells the statement and the line; its open transaction is rolled back",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const insert = (id: number) => `INSERT INTO things (id, name) VALUES (${id}, 'n${id}')`
      const reason = yield* fails(db.script(`${insert(1)};\n\n${insert(1)};\n${insert(2)}`), "UniqueViolation")
      assert.match(reason.message, /statement 2 .*line 3/)
      assert.deepStrictEqual([reason.index, reason.line], [1, 3])
      assert.deepStrictEqual(yield* ids(db), [1])
      yield* failure(db.script(`BEGIN; ${insert(5)}; ${insert(1)}; COMMIT`))
      assert.deepStrictEqual(yield* ids(db), [1])
      assert.match((yield* fails(db.script(`${insert(7)};\nSELECT 'open`), "SqlSyntaxError")).message, /line 2/)
      assert.deepStrictEqual(yield* ids(db), [1], "nothing of it was sent")
    })
  },
  {
    law: "V2",
    title: "describe tells the columns of a statement without running it",
    needs: ["describe", "returning"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const columns = yield* db.describe(db`INSERT INTO things (id, name) VALUES (1, 'a') RETURNING id, name AS label`)
      assert.deepStrictEqual(columns.map((column) => column.name), ["id", "label"])
      assert.deepStrictEqual(yield* ids(db), [])
      yield* fails(db.describe(db.unsafe(bench.profile.sql.syntaxError)), "SqlSyntaxError")
    })
  },
  {
    law: "V2",
    title: "named parameters bind a record, each as often as it stands there",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      assert.deepStrictEqual(
        yield* db.unsafe("SELECT :a AS a, :b AS b, :a AS c, ':a' AS d -- :none", { a: 1, b: "x", more: 2 }),
        [{ a: 1, b: "x", c: 1, d: ":a" }]
      )
      assert.strictEqual((yield* misuse(db.unsafe("SELECT :missing", {}), "ConfigError")).field, "params.missing")
    })
  },
  {
    law: "V2",
    title: "ping, native and the pool's stats answer, inside a transaction as well",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const ask = Effect.gen(function*() {
        yield* db.ping
        assert.isAtLeast((yield* db.pool.stats).max, 1)
      })
      assert.isDefined(yield* db.withConnection((connection) => Effect.sync(() => connection.native)))
      if (db.dialect.capabilities.sessions) assert.isDefined(yield* Effect.scoped(Effect.flatMap(db.session, db.native)))
      yield* ask
      yield* db.transaction(ask)
      yield* db.pool.clear
      assert.deepStrictEqual(yield* ids(db), [])
    })
  },
  {
    law: "V5",
    title: "one object under both tags, and stock code runs on it",
    run: (bench) => Effect.gen(function*() {
      const context = yield* bench.build()
      const db = Context.get(context, Database.Database)
      const sql = Context.get(context, StockClient.SqlClient)
      assert.strictEqual<unknown>(db, sql)
      yield* db.unsafe(bench.profile.sql.things)
      yield* sql.withTransaction(sql`INSERT INTO things ${sql.insert([{ id: 1, name: "a" }, { id: 2, name: "b" }])}`)
      assert.deepStrictEqual(yield* sql`SELECT id FROM ${sql("things")} WHERE ${sql.or([sql`id = ${1}`, sql`id = ${2}`])} ORDER BY id`, [{ id: 1 }, { id: 2 }])
      yield* sql`UPDATE things SET ${sql.update({ name: "c", amount: 1 })} WHERE id = 1`
      assert.deepStrictEqual(yield* sql`SELECT name FROM things ORDER BY id`.values, [["c"], ["b"]])
      if (!db.dialect.capabilities.sessions) return
      const reserved = yield* Effect.scoped(Effect.flatMap(sql.reserve, (connection) => connection.execute("SELECT 1 AS a", [], undefined)))
      assert.deepStrictEqual(reserved, [{ a: 1 }])
    })
  },
  {
    law: "V5",
    title: "updateValues changes many rows in one statement, in the form that the dialect has for it",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* db`INSERT INTO things ${db.insert([{ id: 1, name: "a" }, { id: 2, name: "b" }, { id: 3, name: "c" }])}`
      const values = db.updateValues([{ id: 1, name: "x", amount: 7 }, { id: 2, name: "it's ?", amount: 8 }], "d")
      const update = db.onDialectOrElse({
        mysql: () => db`UPDATE things INNER JOIN ${values} ON d.id = things.id SET things.name = d.name, things.amount = d.amount`,
        orElse: () => db`UPDATE things SET name = d.name, amount = d.amount FROM ${values} WHERE d.id = things.id`
      })
      assert.strictEqual((yield* update.run).rowsAffected, 2)
      assert.deepStrictEqual(yield* db`SELECT id, name, amount FROM things ORDER BY id`.values, [[1, "x", 7], [2, "it's ?", 8], [3, "c", null]])
    })
  }
]
