/**
 * Cases of C2 that every dialect can be asked: a database that is well, one that is slow, one whose pool is used up.
 */
import { assert } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Doctor from "@sluice/core/Doctor"
import * as Effect from "effect/Effect"
import type { Case } from "../Case.js"
import { add, ids, within } from "../internal/asking.js"

const step = (report: Doctor.Report, name: string): Doctor.Step => {
  const found = report.steps.find((one) => one.name === name)
  assert(found !== undefined, `there is no step ${name}`)
  return found
}

const examined = (db: Database.Database, options: Doctor.Options = {}) => within(Doctor.withOptions(options)(db.doctor), 15_000, "the doctor")

export const doctor: ReadonlyArray<Case> = [
  {
    law: "C2",
    title: "a database that is well: each step is timed, and ok or does not apply; nothing is changed, and nothing left behind",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      yield* add(db, 1)
      // A busy machine is no ill database.
      const slow = Object.fromEntries((yield* db.doctor).steps.map(({ name }) => [name, "1 minute" as const]))
      const report = yield* examined(db, { slow })
      assert.deepStrictEqual([report.dialect, report.status], [db.dialect.name, "ok"], Doctor.render(report))
      for (const one of report.steps) {
        assert.include(["ok", "skipped"], one.status, one.name)
        assert.strictEqual(one.milliseconds > 0, one.status === "ok", one.name)
        assert.isUndefined(one.reason)
      }
      assert.match(step(report, "version").detail ?? "", /\d+\.\d+/)
      for (const name of ["round trip", "pool"]) assert.strictEqual(step(report, name).status, "ok")
      assert.match(step(report, "pool").detail ?? "", /\d+ of at most \d+ open: /)
      assert.strictEqual(report.pool?.max, (yield* db.pool.stats).max)
      assert.deepStrictEqual(yield* ids(db), [1])
      assert.deepStrictEqual(JSON.parse(JSON.stringify(report)).steps.length, report.steps.length, "it is plain data")
    })
  },
  {
    law: "C2",
    title: "a report is printed in ASCII, in columns, a line for each step and for each hint",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const report = yield* examined(db, { slow: { "round trip": 0 } })
      const lines = Doctor.render(report).trimEnd().split("\n")
      assert.match(lines.join(""), /^[\x20-\x7e]*$/)
      assert.match(lines[0] ?? "", new RegExp(`^${db.dialect.name}\\b.*: \\w+$`))
      const column = lines[2]?.indexOf("status")
      for (const one of report.steps) {
        const line = lines.find((each) => each.startsWith(`  ${one.name} `) && each.endsWith(one.detail ?? ""))
        assert.strictEqual(line?.indexOf(one.status), column, line)
      }
      assert.strictEqual(lines.length, 3 + report.steps.length + report.steps.filter(({ hint }) => hint !== undefined).length)
    })
  },
  {
    law: "C2",
    title: "what is beyond its threshold is slow; a threshold or a timeout that cannot work is a failed step, and nothing is tried",
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open()
      const report = yield* examined(db, { slow: { "round trip": 0 } })
      assert.deepStrictEqual([report.status, step(report, "round trip").status], ["slow", "slow"])
      assert.include(step(report, "round trip").hint, "0 ms")
      for (const options of [{ timeout: 0 }, { timeout: "soon" as "1 second" }, { slow: { pool: -1 } }]) {
        const refused = yield* examined(db, options)
        assert.deepStrictEqual(refused.steps.map(({ name, reason, status }) => [name, status, reason]), [["options", "failed", "ConfigError"]])
      }
    })
  },
  {
    law: "C2",
    title: "with replicas their servers are examined as well",
    needs: ["concurrent"],
    run: (bench) => Effect.gen(function*() {
      const primary = yield* bench.open()
      // A replica that is the primary itself has its own server all the same.
      const report = yield* examined(yield* Database.withReplicas({ primary, replicas: [primary] }))
      assert.strictEqual(report.steps.filter(({ name }) => name === "version").length, 2, Doctor.render(report))
      assert.notStrictEqual(report.status, "failed")
    })
  },
  {
    law: "C2",
    title: "a pool that is used up is told with its counts, and within the timeout",
    needs: ["sessions"],
    run: (bench) => Effect.gen(function*() {
      const db = yield* bench.open({ pool: { max: 1 } })
      yield* Effect.scoped(Effect.gen(function*() {
        yield* db.session
        const report = yield* examined(db, { timeout: "200 millis", slow: { open: "1 minute" } })
        const pool = step({ ...report, steps: report.steps.filter(({ status }) => status === "failed") }, "pool")
        assert.strictEqual(report.status, "failed")
        assert.match(pool.hint ?? "", /^every connection is lent .*1 lent.*pool\.max/)
        assert.isAtLeast(pool.milliseconds, 190)
      }))
      assert.notInclude((yield* examined(db)).steps.map(({ status }) => status), "failed", "it is free again")
    })
  }
]
