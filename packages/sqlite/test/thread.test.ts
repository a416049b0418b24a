/**
 * What only a connection with a thread has: interruption, death, a free event loop.
 *
 * The pool, transactions and statements of core are not here; they have tests of their own.
 *
 * @since 0.1.0
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { spawnSync } from "node:child_process"
import { connect } from "../dist/internal/connection.js"
import { all, endless, newFile, opened, query, reason, setupFile } from "./fixtures.js"

describe("a thread", () => {
  it.live("stops between rows when it is settled, and is usable at once (law S5)", () => Effect.gen(function*() {
    const c = yield* connect({ filename: ":memory:" })
    const fiber = yield* Effect.fork(c.execute(query(endless.replace("SELECT i FROM n", "SELECT i FROM n WHERE i % 100000 = 0"))))
    yield* Effect.sleep(50)
    yield* Fiber.interrupt(fiber)
    yield* c.settle
    assert.deepStrictEqual(yield* all(c, "SELECT 1 AS a"), [{ a: 1 }])
    yield* c.settle
    yield* c.close("graceful")
  }))
  it.live("does not lose the rows of an open stream when another statement is settled", () => Effect.scoped(Effect.gen(function*() {
    const c = yield* opened()
    const rows = yield* c.rows(query(endless, [], { fetchSize: 50 }))
    let expected = 1
    for (let i = 0; i < 200; i++) {
      if (i % 3 === 0) {
        const fiber = yield* Effect.fork(c.execute(query("SELECT 1")))
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(fiber)
        yield* c.settle
      }
      for (const row of yield* rows.next) {
        assert.deepStrictEqual(row, { i: expected++ })
      }
    }
  })))
  it.live("can be interrupted while it waits for a lock", () => Effect.scoped(Effect.gen(function*() {
    const filename = newFile()
    const a = yield* opened({ filename })
    const b = yield* opened({ filename })
    yield* a.begin({})
    const fiber = yield* Effect.fork(b.begin({}))
    yield* Effect.sleep(50)
    const before = Date.now()
    yield* Fiber.interrupt(fiber)
    yield* b.settle
    assert.isBelow(Date.now() - before, 500)
    yield* a.commit
    yield* b.begin({})
    yield* b.rollback
  })))
  it.live("an idle one does not keep the process alive, a pending request does", () => Effect.sync(() => {
    const module = new URL("../dist/internal/connection.js", import.meta.url).href
    const script = `import { connect } from ${JSON.stringify(module)}; import * as Effect from "effect/Effect"
const c = await Effect.runPromise(connect({ filename: ":memory:" }))
const q = ${JSON.stringify({ ...query(`SELECT count(*) AS n FROM (${endless} LIMIT 300000)`) })}
Effect.runPromise(c.execute(q)).then((r) => console.log(r.rows[0].n))`
    const child = spawnSync(process.execPath, ["--input-type=module", "-e", script], { cwd: new URL("..", import.meta.url), encoding: "utf8", timeout: 10_000 })
    assert.strictEqual(child.stdout.trim(), "300000", child.stderr)
    assert.strictEqual(child.status, 0)
  }))
  it.live("leaves the event loop free", () => Effect.scoped(Effect.gen(function*() {
    const c = yield* opened()
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    yield* c.execute(query(`SELECT count(*) AS n FROM (${endless} LIMIT 1500000)`))
    clearInterval(timer)
    assert.isAbove(ticks, 20)
  })))
  it.live("that dies fails what is pending, typed", () => Effect.scoped(Effect.gen(function*() {
    const setup = setupFile("export default (db) => { db.function('die', () => { process.exit(3) }); db.function('late', () => { setTimeout(() => { throw new Error('late') }); return 1 }) }")
    for (const sql of ["SELECT die()", "SELECT late()"]) {
      const c = yield* opened({ setup })
      const r = yield* Effect.exit(c.execute(query(sql)))
      if (sql === "SELECT die()") assert.isTrue(Exit.isFailure(r))
      yield* Effect.sleep(200)
      assert.isTrue(c.isClosed)
      assert.strictEqual((yield* reason(c.execute(query("SELECT 1"))))._tag, "ConnectionError")
    }
  })))
  it.live("that is destroyed in a long step ends before close does", () => Effect.gen(function*() {
    const c = yield* connect({ filename: ":memory:" })
    const fiber = yield* Effect.fork(Effect.exit(c.execute(query(`SELECT count(*) AS n FROM (${endless} LIMIT 5000000)`))))
    yield* Effect.sleep(50)
    yield* c.close("destroy")
    assert.isTrue(c.isClosed)
    assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
    yield* c.close("destroy")
  }))
})
