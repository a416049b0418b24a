/**
 * B5 with a spool: what is acknowledged is applied once, whatever happens to the process, its disk and its target.
 */
import { SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Spool, SpoolError } from "@sluice/batcher"
import { Database, Reason, SqlError } from "@sluice/core"
import { BigDecimal, Cause, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { spawn } from "node:child_process"
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { count, fresh, ids } from "./database.js"

const folder = (): string => mkdtempSync(join(tmpdir(), "sluice-spool-"))

const live = () => Layer.merge(fresh(), NodeFileSystem.layer)

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

const insert = (rows: ReadonlyArray<number>) =>
  Effect.flatMap(Database.Database, (db) => db`INSERT INTO t ${db.insert(rows.map((id) => ({ id })))}`.run)

/** Decimals as texts: two equal ones may differ in what they have cached. */
const texts = (value: unknown): unknown =>
  BigDecimal.isBigDecimal(value) ? BigDecimal.format(value)
  : Array.isArray(value) ? value.map(texts)
  : typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
  ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, texts(inner)]))
  : value

/** A spool of numbers, for as long as it is used. */
const spooled = <A, E, R>(at: string, use: (spool: Spool.Spool<number>) => Effect.Effect<A, E, R>, options?: Spool.Options) =>
  Effect.scoped(Effect.flatMap(Spool.file<number>(at, options), use))

const segments = (at: string): ReadonlyArray<string> => readdirSync(at).filter((name) => name.endsWith(".spool")).toSorted().map((name) => join(at, name))

const failure = <A, E>(exit: Exit.Exit<A, E>): E => {
  assert.isTrue(Exit.isFailure(exit))
  return Exit.isFailure(exit) ? Cause.squash(exit.cause) as E : assert.fail("it succeeded")
}

const spoolError = (exit: Exit.Exit<unknown, unknown>): SpoolError.SpoolError => {
  const error = failure(exit)
  assert.instanceOf(error, SpoolError.SpoolError)
  return error
}

describe("B5 a spool keeps what it has acknowledged, and applies it once", () => {
  it.effect("records are applied in order, some per transaction, and not again by the next drain", () => Effect.gen(function*() {
    const at = folder()
    yield* spooled(at, (spool) => Effect.gen(function*() {
      yield* spool.append(range(0, 10))
      assert.strictEqual(yield* Stream.run(Stream.fromIterable(range(10, 25)), spool.sink), 15)
      const { batches, guarantee, records } = yield* spool.drain(insert, { maxRecords: 10 })
      assert.deepStrictEqual({ batches, guarantee, records }, { batches: 3, guarantee: "exactly once", records: 25 })
      assert.strictEqual((yield* spool.drain(insert)).records, 0)
      yield* spool.append([25])
      assert.strictEqual((yield* spool.drain(insert)).records, 1)
    }))
    // Nor by another process, later.
    yield* spooled(at, (spool) => Effect.gen(function*() {
      assert.strictEqual(yield* spool.appended, 26)
      assert.strictEqual((yield* spool.drain(insert)).records, 0)
    }))
    assert.deepStrictEqual(yield* ids, range(0, 26))
  }).pipe(Effect.provide(live())))

  it.effect("every kind of value comes out as it went in; what cannot be kept is refused with its path", () => Effect.gen(function*() {
    const at = folder()
    const values: ReadonlyArray<Spool.Value> = [
      9007199254740993n, -0, Number.NaN, 1e-300, "日本 \0 'x'", null, undefined, true, new Date(1_234), new Uint8Array([0, 255]),
      BigDecimal.unsafeFromString("12345678901234567890.5"), { a: [1, { b: BigDecimal.unsafeFromString("0.1") }], c: 2n }
    ]
    const out: Array<unknown> = []
    yield* Effect.scoped(Effect.gen(function*() {
      const spool = yield* Spool.file(at)
      yield* spool.append(values)
      yield* spool.drain((records) => Effect.sync(() => void out.push(...records)))
      class Own { readonly x = 1 }
      for (const [value, path] of [[new Own(), "records[0] is an instance of Own"], [{ a: [() => 1] }, "records[0].a[0] is a function"]] as const) {
        const error = failure(yield* Effect.exit(spool.append([value as never])))
        assert.isTrue(SqlError.isSqlError(error) && error.reason._tag === "DataError")
        assert.include(String(error), path)
      }
      assert.strictEqual(yield* spool.appended, values.length)
    }))
    assert.deepStrictEqual(texts(out), texts(values))
    assert.isTrue(BigDecimal.isBigDecimal(out[10]))
    assert.isTrue(Object.is(out[1], -0))
  }).pipe(Effect.provide(live())))

  it.effect("a failure leaves its records and all later ones for the next drain, and what it had done is rolled back", () => Effect.gen(function*() {
    yield* spooled(folder(), (spool) => Effect.gen(function*() {
      yield* spool.append(range(0, 30))
      const bad = (rows: ReadonlyArray<number>) => Effect.zipRight(insert(rows), rows.includes(15) ? Effect.fail("not this one") : Effect.void)
      assert.strictEqual(failure(yield* Effect.exit(spool.drain(bad, { maxRecords: 10 }))), "not this one")
      assert.deepStrictEqual(yield* ids, range(0, 10))
      assert.strictEqual((yield* spool.drain(insert)).records, 20)
    }))
    assert.deepStrictEqual(yield* ids, range(0, 30))
  }).pipe(Effect.provide(live())))

  it.live("follows what is appended later; interrupted, it loses and doubles nothing", () => Effect.gen(function*() {
    yield* spooled(folder(), (spool) => Effect.gen(function*() {
      for (let i = 0; i < 20; i++) {
        const fiber = yield* Effect.fork(spool.follow(insert, { maxRecords: 7 }))
        yield* spool.append(range(i * 50, i * 50 + 50))
        yield* Effect.sleep(Math.random() * 10)
        yield* Fiber.interrupt(fiber)
      }
      yield* spool.drain(insert)
    }))
    assert.deepStrictEqual(yield* ids, range(0, 1_000))
  }).pipe(Effect.provide(live())))

  it.effect("appends that come together are all kept, each once", () => Effect.gen(function*() {
    yield* spooled(folder(), (spool) => Effect.gen(function*() {
      yield* Effect.forEach(range(0, 300), (id) => spool.append([id]), { concurrency: "unbounded", discard: true })
      yield* spool.drain(insert)
    }))
    assert.deepStrictEqual((yield* ids).toSorted((a, b) => a - b), range(0, 300))
  }).pipe(Effect.provide(live())))

  it.effect("files that are applied are given up, but the last two", () => Effect.gen(function*() {
    const at = folder()
    yield* spooled(at, (spool) => Effect.gen(function*() {
      yield* Effect.forEach(range(0, 200), (i) => spool.append(range(i * 20, i * 20 + 20)), { discard: true })
      assert.isAbove(segments(at).length, 5)
      yield* spool.drain(insert)
      assert.strictEqual(segments(at).length, 2)
    }), { segmentBytes: 1_000 })
    yield* spooled(at, (spool) => Effect.map(spool.appended, (n) => assert.strictEqual(n, 4_000)))
    assert.strictEqual(yield* count, 4_000)
  }).pipe(Effect.provide(live())))

  it.effect("inside a transaction that is rolled back nothing is given up", () => Effect.gen(function*() {
    const at = folder()
    const db = yield* Database.Database
    yield* spooled(at, (spool) => Effect.gen(function*() {
      yield* Effect.forEach(range(0, 100), (i) => spool.append(range(i * 20, i * 20 + 20)), { discard: true })
      const before = segments(at).length
      yield* Effect.ignore(db.transaction(Effect.zipRight(spool.drain(insert), Effect.fail("undo"))))
      assert.strictEqual(segments(at).length, before)
      assert.strictEqual((yield* spool.drain(insert)).records, 2_000)
    }), { segmentBytes: 1_000 })
    assert.deepStrictEqual(yield* ids, range(0, 2_000))
  }).pipe(Effect.provide(live())))
})

describe("B5 a spool says what its folder has lost, and keeps the rest", () => {
  const filled = (at: string) => spooled(at, (spool) => Effect.forEach(range(0, 10), (i) => spool.append(range(i * 10, i * 10 + 10)), { discard: true }))

  it.effect("a last record that was cut short at any byte was never acknowledged: it is cut off, and the next one follows", () => Effect.gen(function*() {
    const at = folder()
    yield* filled(at)
    const file = segments(at)[0]!
    const whole = readFileSync(file)
    yield* spooled(at, (spool) => spool.append(range(100, 110)))
    const longer = readFileSync(file)
    for (let bytes = whole.length + 1; bytes < longer.length; bytes++) {
      writeFileSync(file, longer.subarray(0, bytes))
      yield* spooled(at, (spool) => Effect.gen(function*() {
        assert.deepStrictEqual(spool.damages.map(({ bytes, first, kind }) => ({ bytes, first, kind })), [{ kind: "torn", bytes: bytes - whole.length, first: 100 }])
        assert.strictEqual(yield* spool.appended, 100)
        yield* spool.append([100])
      }))
    }
    yield* spooled(at, (spool) => spool.drain(insert))
    assert.deepStrictEqual(yield* ids, range(0, 101))
  }).pipe(Effect.provide(live())))

  it.effect("a bit that flipped anywhere is told with the records it has cost; `skip` applies all others and keeps the file", () => Effect.gen(function*() {
    const at = folder()
    yield* filled(at)
    const file = segments(at)[0]!
    const whole = readFileSync(file)
    // Not the last frame, which could have been cut short.
    for (let byte = 0; byte < whole.length - 120; byte += 7) {
      const flipped = Buffer.from(whole)
      flipped[byte] = flipped[byte]! ^ (1 << (byte % 8))
      writeFileSync(file, flipped)
      const error = spoolError(yield* Effect.exit(spooled(at, () => Effect.void)))
      assert.strictEqual(error.reason, "Damaged")
      assert.include(error.message, file)
      const out: Array<number> = []
      yield* spooled(at, (spool) => Effect.gen(function*() {
        const lost = spool.damages.filter(({ kind }) => kind === "damaged")
        yield* spool.drain((records) => Effect.sync(() => void out.push(...records)), { table: `ledger_${byte}` })
        const missing = lost.flatMap(({ count, first }) => range(first, first + (count ?? 0)))
        assert.deepStrictEqual(out, range(0, 100).filter((id) => !missing.includes(id)))
        assert.isAtMost(missing.length, 10)
      }), { damaged: "skip" })
      assert.strictEqual(Buffer.compare(readFileSync(file), flipped), 0)
    }
  }).pipe(Effect.provide(live())))

  it.effect("what comes after a damage begins a file of its own, and both are applied", () => Effect.gen(function*() {
    const at = folder()
    yield* filled(at)
    const file = segments(at)[0]!
    appendFileSync(file, Buffer.alloc(100, 7))
    yield* spooled(at, (spool) => spool.append([100]), { damaged: "skip" })
    assert.strictEqual(segments(at).length, 2)
    yield* spooled(at, (spool) => spool.drain(insert), { damaged: "skip" })
    assert.deepStrictEqual(yield* ids, range(0, 101))
  }).pipe(Effect.provide(live())))

  it.effect("a full disk fails the append, keeps what was there, and goes on where there is room", () => Effect.gen(function*() {
    const at = folder()
    let room = Number.POSITIVE_INFINITY
    const small = Layer.effect(FileSystem.FileSystem, Effect.map(FileSystem.FileSystem, (fs): FileSystem.FileSystem => ({
      ...fs,
      open: (path, options) => Effect.map(fs.open(path, options), (file) => new Proxy(file, {
        get: (target, key) => key !== "writeAll" ? Reflect.get(target, key, target) : (bytes: Uint8Array) => {
          if (bytes.length <= room) return file.writeAll(bytes)
          const full = new SystemError({ reason: "Unknown", module: "FileSystem", method: "writeAll", description: "ENOSPC: no space left on device" })
          return Effect.zipRight(room === 0 ? Effect.void : file.writeAll(bytes.subarray(0, room)), Effect.fail(full))
        }
      }))
    })))
    yield* spooled(at, (spool) => Effect.gen(function*() {
      yield* spool.append(range(0, 10))
      const size = statSync(segments(at)[0]!).size
      for (room = 0; room < 40; room += 13) {
        const error = spoolError(yield* Effect.exit(spool.append(range(10, 20))))
        assert.strictEqual(error.reason, "Full")
        assert.include(error.message, "the disk is full")
        assert.strictEqual(statSync(segments(at)[0]!).size, size)
      }
      room = Number.POSITIVE_INFINITY
      yield* spool.append(range(10, 20))
      yield* spool.drain(insert)
    })).pipe(Effect.provide(small))
    yield* spooled(at, (spool) => Effect.sync(() => assert.deepStrictEqual(spool.damages, [])))
    assert.deepStrictEqual(yield* ids, range(0, 20))
  }).pipe(Effect.provide(live())))

  it.effect("one opens it at a time; a process that is gone has it no more", () => Effect.gen(function*() {
    const at = folder()
    yield* spooled(at, () => Effect.gen(function*() {
      const error = spoolError(yield* Effect.exit(spooled(at, () => Effect.void)))
      assert.deepStrictEqual([error.reason, error.message], ["InUse", `the spool ${at} is open in this process already`])
    }))
    writeFileSync(join(at, "lock"), String(process.ppid))
    assert.strictEqual(spoolError(yield* Effect.exit(spooled(at, () => Effect.void))).reason, "InUse")
    writeFileSync(join(at, "lock"), "4194304")
    yield* spooled(at, (spool) => spool.append([1]))
  }).pipe(Effect.provide(live())))

  it.live("of two processes that find the lock of one that is gone, one has it", () => Effect.gen(function*() {
    const at = folder()
    const lock = join(at, "lock")
    // The other one takes it over between our look at it and our own taking; or has made it, and not written its number yet.
    const beside = (before: string) => Layer.effect(FileSystem.FileSystem, Effect.map(FileSystem.FileSystem, (fs): FileSystem.FileSystem => ({
      ...fs,
      readFileString: (path, encoding) => Effect.tap(fs.readFileString(path, encoding), (text) => path === lock && text === before ? Effect.sync(() => writeFileSync(lock, String(process.ppid))) : Effect.void)
    }))).pipe(Layer.provide(NodeFileSystem.layer))
    for (const before of ["4194304", ""]) {
      writeFileSync(lock, before)
      assert.strictEqual(spoolError(yield* Effect.exit(spooled(at, () => Effect.void).pipe(Effect.provide(beside(before))))).reason, "InUse")
      assert.strictEqual(readFileSync(lock, "utf8"), String(process.ppid))
    }
    writeFileSync(lock, "")
    yield* spooled(at, (spool) => spool.append([1])).pipe(Effect.provide(NodeFileSystem.layer))
    assert.deepStrictEqual(readdirSync(at).filter((name) => name.startsWith("lock")), [])
  }))

  it.effect("a target that has another place of it is told from one that is new", () => Effect.gen(function*() {
    const at = folder()
    yield* spooled(at, (spool) => Effect.gen(function*() {
      yield* Effect.forEach(range(0, 100), (i) => spool.append(range(i * 20, i * 20 + 20)), { discard: true })
      yield* spool.drain(insert)
      const other = spoolError(yield* Effect.exit(spool.drain(insert).pipe(Effect.provide(fresh()))))
      assert.strictEqual(other.reason, "Foreign")
      assert.include(other.message, "applied to another database")
    }), { segmentBytes: 1_000 })
    truncateSync(segments(at)[1]!, 36)
    const older = spoolError(yield* Effect.exit(spooled(at, (spool) => spool.drain(insert))))
    assert.strictEqual(older.reason, "Foreign")
    assert.include(older.message, "older copy")
  }).pipe(Effect.provide(live())))

  it.effect("bad options are a ConfigError that names them; after its scope it is closed", () => Effect.gen(function*() {
    const at = folder()
    const field = (exit: Exit.Exit<unknown, unknown>) => {
      const error = failure(exit)
      return SqlError.isSqlError(error) && error.reason instanceof Reason.ConfigError ? error.reason.field : error
    }
    assert.strictEqual(field(yield* Effect.exit(spooled("", () => Effect.void))), "folder")
    assert.strictEqual(field(yield* Effect.exit(spooled(at, () => Effect.void, { segmentBytes: 10 }))), "segmentBytes")
    const spool = yield* spooled(at, (spool) => Effect.gen(function*() {
      assert.strictEqual(field(yield* Effect.exit(spool.drain(insert, { maxRecords: 0 }))), "maxRecords")
      return spool
    }))
    assert.strictEqual(spoolError(yield* Effect.exit(spool.append([1]))).reason, "Closed")
  }).pipe(Effect.provide(live())))
})

describe("B5 a loading process that is killed at any moment", () => {
  const kills = Number(process.env["SLUICE_SPOOL_KILLS"] ?? 8)
  const rows = Number(process.env["SLUICE_SPOOL_ROWS"] ?? 150_000)
  const longest = Number(process.env["SLUICE_SPOOL_LONGEST"] ?? 500)
  const loader = fileURLToPath(new URL("./loader.mjs", import.meta.url))

  it.live(`leaves a table in which every row is once, after ${kills} SIGKILLs`, () => Effect.gen(function*() {
    const at = folder()
    const db = yield* Database.Database
    const [file] = yield* db<{ file: string }>`SELECT file FROM pragma_database_list WHERE name = 'main'`.column("file")
    // Killed some time after it has begun to load; now and then before that.
    const run = (kill: boolean) => Effect.async<number | null>((resume) => {
      const child = spawn(process.execPath, [loader, at, file!, String(rows)], { stdio: ["ignore", "pipe", "inherit"] })
      const killIn = (ms: number) => kill ? setTimeout(() => child.kill("SIGKILL"), ms * Math.random()) : undefined
      const timers = [Math.random() < 0.1 ? killIn(1_000) : undefined]
      child.stdout.once("data", () => timers.push(killIn(longest)))
      child.once("exit", (code) => {
        for (const timer of timers) clearTimeout(timer)
        resume(Effect.succeed(code))
      })
    })
    const progress: Array<number> = []
    while (progress.length < kills && (yield* run(true)) !== 0) progress.push(yield* count)
    assert.strictEqual(yield* run(false), 0)
    const result = yield* db<{ n: number; least: number; most: number; different: number }>`SELECT count(*) AS n, min(id) AS least, max(id) AS most, count(DISTINCT id) AS different FROM t`.one
    assert.deepStrictEqual(result, { n: rows, least: 0, most: rows - 1, different: rows })
    assert.isAbove(progress.length, 0)
    yield* Effect.logInfo(`${progress.length} kills; rows after each: ${progress.join(", ")}`)
  }).pipe(Effect.provide(live())), 1_200_000)
})
