/**
 * Reads on replicas: what goes where, what a fiber sees of its own writes, and what becomes of the reads when a replica dies.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as EffectScope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Database from "../src/Database.js"
import type * as SqlError from "../src/SqlError.js"
import { FakeServer, reasonOf, refused, wrongPassword } from "./fake.js"

interface Servers {
  readonly primary: FakeServer
  readonly replicas: ReadonlyArray<FakeServer>
  readonly db: Database.Database
}

const setUp = (
  count = 2,
  options: Pick<Database.ReplicaOptions, "coolDown" | "primaryAfterWrite"> = {},
  config: Database.Config = {}
): Effect.Effect<Servers, SqlError.SqlError, EffectScope.Scope> =>
  Effect.gen(function*() {
    const primary = new FakeServer()
    const replicas = Array.from({ length: count }, () => new FakeServer())
    const pool = { closeTimeout: 0, lazy: true, ...config.pool }
    const db = yield* Database.withReplicas({
      primary: yield* primary.database({ ...config, pool }),
      replicas: yield* Effect.forEach(replicas, (replica) => replica.database({ ...config, pool })),
      ...options
    })
    return { primary, replicas, db }
  })

const statements = (server: FakeServer) => server.log.map((line) => line.slice(line.indexOf(" ") + 1)).filter((line) => line !== "ping" && line !== "reset")

/** How many statements went to the primary, and to each replica. */
const sent = ({ primary, replicas }: Servers) => [primary, ...replicas].map((server) => statements(server).length)

/** Everything behind this fiber: replicas stop answering, and nobody listens there any more. */
const die = (server: FakeServer) => {
  server.down = refused
  for (const connection of server.connections) connection.isDead = true
}

const read = (db: Database.Database) => db`SELECT 1`

/** A fiber that has written nothing. */
const elsewhere = <A, E>(effect: Effect.Effect<A, E>) => Effect.flatMap(Effect.forkDaemon(effect), Fiber.await)

const calm = TestClock.adjust(1)

describe("Database.withReplicas", () => {
  describe("what goes where", () => {
    it.scoped("reads go to the replicas in turn, writes to the primary", () =>
      Effect.gen(function*() {
        const servers = yield* setUp()
        const { db } = servers
        for (let i = 0; i < 6; i++) yield* read(db)
        assert.deepStrictEqual(sent(servers), [0, 3, 3])
        yield* db`INSERT INTO t VALUES (1)`.run
        assert.deepStrictEqual(sent(servers), [1, 3, 3])
      }))

    const locking = [
      "SELECT 1 FOR UPDATE", "SELECT 1 FOR NO KEY UPDATE", "SELECT 1 FOR SHARE", "SELECT 1 FOR KEY SHARE", "SELECT 1 LOCK IN SHARE MODE",
      "SELECT lock_me()", "SELECT @a := 1", "SELECT 1 INTO t", "WITH x AS (DELETE FROM t RETURNING 1) SELECT 1", "CALL f()", "SHOW x"
    ]
    for (const sql of locking) {
      it.scoped(`what locks, writes or leaves something behind goes to the primary: ${sql}`, () =>
        Effect.gen(function*() {
          const servers = yield* setUp()
          yield* servers.db.unsafe(sql)
          assert.deepStrictEqual(sent(servers), [1, 0, 0])
        }))
    }

    it.scoped("everything in a transaction, a session or on a reserved connection goes to the primary", () =>
      Effect.gen(function*() {
        const servers = yield* setUp()
        const { db } = servers
        yield* elsewhere(db.transaction(read(db)))
        yield* elsewhere(db.transaction({ readOnly: true })(Effect.zipRight(read(db), Stream.runDrain(db`SELECT 0`.stream))))
        yield* elsewhere(Effect.scoped(Effect.flatMap(db.session, (session) => session.provide(read(db)))))
        yield* elsewhere(Effect.scoped(Effect.flatMap(db.reserve, (connection) => connection.execute("SELECT 1", [], undefined))))
        yield* elsewhere(db.batch([read(db)]))
        yield* elsewhere(db.executeMany("INSERT INTO t VALUES ($1)", [[1]]))
        yield* elsewhere(db.withConnection((connection) => connection.ping))
        yield* elsewhere(db.script("SELECT 1; SELECT 2"))
        assert.deepStrictEqual(sent(servers).slice(1), [0, 0])
        assert.isAbove(sent(servers)[0]!, 8)
      }))

    it.scoped("a stream's rows come from a replica, and its connection goes back there", () =>
      Effect.gen(function*() {
        const servers = yield* setUp(1)
        const fiber = yield* Effect.fork(Stream.runCollect(servers.db`SELECT 3`.stream))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        assert.strictEqual(sent(servers)[0], 0)
        const stats = yield* servers.db.pool.stats
        assert.deepStrictEqual([stats.lent, stats.idle, stats.max], [0, 1, 20])
      }))

    it.scoped("onPrimary sends its reads to the primary", () =>
      Effect.gen(function*() {
        const servers = yield* setUp()
        yield* read(servers.db).pipe(Database.onPrimary)
        yield* Effect.all([read(servers.db), read(servers.db)], { concurrency: 2 }).pipe(Database.onPrimary)
        assert.deepStrictEqual(sent(servers), [3, 0, 0])
        yield* read(servers.db)
        assert.deepStrictEqual(sent(servers), [3, 1, 0])
      }))

    it.scoped("withoutTransforms has the same replicas; a transaction of the primary holds here, too", () =>
      Effect.gen(function*() {
        const primary = new FakeServer()
        const replica = new FakeServer()
        const own = yield* primary.database({ transformResultNames: (name) => name.toUpperCase() })
        const db = yield* Database.withReplicas({ primary: own, replicas: [yield* replica.database()] })
        yield* read(db.withoutTransforms())
        assert.strictEqual(statements(replica).length, 1)
        yield* own.transaction(read(db))
        assert.deepStrictEqual(statements(primary), ["begin", "SELECT 1", "commit"])
      }))
  })

  describe("after a write", () => {
    const writes: ReadonlyArray<readonly [string, (db: Database.Database) => Effect.Effect<unknown, unknown>]> = [
      ["a statement", (db) => db`INSERT INTO t VALUES (1)`],
      ["a statement that failed", (db) => Effect.exit(db`fail unique`)],
      ["a statement with a timeout around it", (db) => Effect.timeout(db`INSERT INTO t VALUES (1)`, "1 second")],
      ["statements beside each other", (db) => Effect.all([db`INSERT INTO t VALUES (1)`, db`SELECT 1`], { concurrency: 2 })],
      ["a transaction", (db) => db.transaction(db`INSERT INTO t VALUES (1)`)],
      ["a session", (db) => Effect.scoped(db.session)],
      ["executeMany", (db) => db.executeMany("INSERT INTO t VALUES ($1)", [[1]])],
      ["a connection of its own", (db) => db.withConnection((connection) => connection.ping)],
      ["a child that was joined", (db) => Effect.flatMap(Effect.fork(db`INSERT INTO t VALUES (1)`), Fiber.join)],
      ["a stream of rows that were written", (db) => Stream.runDrain(db`INSERT 0`.stream)]
    ]
    // An hour is thousands of steps of the pool's clock, and each is a timer of this process: they wait beside each other.
    describe.concurrent("the same fiber reads from the primary, for the rest of its life", () => {
      for (const [title, write] of writes) {
        it.scoped(title, () =>
          Effect.gen(function*() {
            const servers = yield* setUp()
            yield* write(servers.db)
            const before = sent(servers)[0]!
            const onReplicas = sent(servers).slice(1)
            yield* TestClock.adjust("1 hour")
            yield* read(servers.db)
            assert.strictEqual(sent(servers)[0], before + 1)
            assert.deepStrictEqual(sent(servers).slice(1), onReplicas)
          }))
      }
    })

    it.scoped("another fiber reads from the replicas; a child begins as its parent is", () =>
      Effect.gen(function*() {
        const servers = yield* setUp(1)
        const { db } = servers
        const other = yield* Effect.fork(Effect.zipRight(Effect.sleep(10), read(db)))
        yield* db`INSERT INTO t VALUES (1)`
        yield* TestClock.adjust(10)
        yield* Fiber.join(other)
        assert.deepStrictEqual(sent(servers), [1, 1])
        yield* Effect.flatMap(Effect.fork(read(db)), Fiber.join)
        assert.deepStrictEqual(sent(servers), [2, 1])
      }))

    it.scoped("a read-only transaction and a ping are no writes", () =>
      Effect.gen(function*() {
        const servers = yield* setUp(1)
        yield* servers.db.transaction({ readOnly: true })(read(servers.db))
        yield* servers.db.ping
        yield* read(servers.db)
        assert.strictEqual(sent(servers)[1], 1)
      }))

    it.scoped("primaryAfterWrite bounds it, counted from the end of the write", () =>
      Effect.gen(function*() {
        const servers = yield* setUp(1, { primaryAfterWrite: "5 seconds" })
        const { db } = servers
        const program = yield* Effect.fork(Effect.gen(function*() {
          yield* db`sleep 10000`
          yield* Effect.sleep("4 seconds")
          yield* read(db)
          yield* Effect.sleep("1 seconds")
          yield* read(db)
        }))
        yield* TestClock.adjust("15 seconds")
        yield* Fiber.join(program)
        assert.deepStrictEqual(sent(servers), [2, 1])
      }))

    it.scoped("two databases do not know of each other's writes", () =>
      Effect.gen(function*() {
        const [one, two] = [yield* setUp(1), yield* setUp(1)]
        yield* one.db`INSERT INTO t VALUES (1)`
        yield* read(two.db)
        assert.deepStrictEqual(sent(two), [0, 1])
      }))
  })

  describe("a replica that dies", () => {
    it.scoped("its reads go to the others at once, and to the primary when none is left", () =>
      Effect.gen(function*() {
        const servers = yield* setUp()
        const { db, replicas: [a, b] } = servers
        die(a!)
        for (let i = 0; i < 4; i++) yield* read(db)
        assert.deepStrictEqual(sent(servers), [0, 0, 4])
        assert.strictEqual(a!.attempts, 1)
        die(b!)
        yield* TestClock.adjust("2 seconds")
        // No time passes while they are read: nobody waits for a backoff.
        for (let i = 0; i < 4; i++) yield* read(db)
        assert.deepStrictEqual(sent(servers), [4, 0, 4])
        assert.strictEqual((yield* db.pool.stats).waiting, 0)
      }))

    it.scoped("it is left alone for coolDown, then asked in the background, and serves again when it answers", () =>
      Effect.gen(function*() {
        const servers = yield* setUp(1, { coolDown: "10 seconds" })
        const { db, replicas: [replica] } = servers
        die(replica!)
        yield* read(db)
        yield* TestClock.adjust("9 seconds")
        yield* read(db)
        const attempts = replica!.attempts
        yield* TestClock.adjust("1 second")
        // Still dead: this read is served at once, and the asking costs another cool-down.
        yield* read(db)
        yield* calm
        assert.isAbove(replica!.attempts, attempts)
        replica!.down = undefined
        yield* TestClock.adjust("9 seconds")
        yield* read(db)
        assert.strictEqual(sent(servers)[1], 0)
        yield* TestClock.adjust("1 second")
        yield* read(db)
        yield* calm
        assert.deepStrictEqual(sent(servers), [5, 0])
        yield* read(db)
        assert.deepStrictEqual(sent(servers), [5, 1])
      }))

    it.scoped("many readers at once ask it once", () =>
      Effect.gen(function*() {
        const servers = yield* setUp(1, {}, { pool: { max: 50 } })
        const { db, replicas: [replica] } = servers
        yield* read(db)
        die(replica!)
        yield* TestClock.adjust("2 seconds")
        yield* Effect.all(Array.from({ length: 50 }, () => read(db)), { concurrency: "unbounded" })
        assert.strictEqual(sent(servers)[0], 50)
        yield* TestClock.adjust("30 seconds")
        const attempts = replica!.attempts
        yield* Effect.all(Array.from({ length: 50 }, () => read(db)), { concurrency: "unbounded" })
        yield* calm
        assert.strictEqual(replica!.attempts, attempts + 1)
      }))

    it.scoped("a read that was under way fails typed and was not applied; nothing is sent twice", () =>
      Effect.gen(function*() {
        const servers = yield* setUp(1)
        const { db, replicas: [replica] } = servers
        yield* read(db)
        die(replica!)
        const reason = yield* reasonOf(read(db))
        assert.strictEqual(reason._tag, "ConnectionError")
        yield* read(db)
        assert.deepStrictEqual(sent(servers), [1, 2])
      }))

    it.scoped("a mute one is waited for no longer than the primary's acquireTimeout, primary included", () =>
      Effect.gen(function*() {
        const servers = yield* setUp(1, {}, { pool: { acquireTimeout: "6 seconds", max: 1 } })
        const { db, primary, replicas: [replica] } = servers
        replica!.connectTime = 4_000
        replica!.down = refused
        primary.connectTime = 4_000
        const fiber = yield* Effect.fork(reasonOf(read(db)))
        yield* TestClock.adjust("4 seconds")
        assert.strictEqual(primary.attempts, 1)
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "PoolTimeoutError")
        // What is being opened is waited for when the pools close.
        yield* TestClock.adjust("10 seconds")
      }))

    it.scoped("who came first is served first on the primary, wherever it waited before", () =>
      Effect.gen(function*() {
        const servers = yield* setUp(1, {}, { pool: { max: 1 } })
        const { db, replicas: [replica] } = servers
        replica!.connectTime = 1_000
        replica!.down = refused
        const holder = yield* Effect.fork(db`sleep 5000`)
        yield* calm
        const order: Array<string> = []
        const early = yield* Effect.fork(Effect.tap(read(db), () => Effect.sync(() => order.push("early"))))
        yield* TestClock.adjust(500)
        const late = yield* Effect.fork(Effect.tap(db`UPDATE t SET a = 1`, () => Effect.sync(() => order.push("late"))))
        yield* TestClock.adjust("5 seconds")
        for (const fiber of [holder, early, late]) yield* Fiber.await(fiber)
        assert.deepStrictEqual(order, ["early", "late"])
      }))

    it.scoped("a busy one is not dead: its reads wait for it", () =>
      Effect.gen(function*() {
        const servers = yield* setUp(1, {}, { pool: { max: 1 } })
        const { db } = servers
        const holder = yield* Effect.fork(Stream.runDrain(db`SELECT 100`.stream))
        yield* calm
        const reader = yield* Effect.fork(read(db))
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(holder)
        yield* Fiber.join(reader)
        assert.strictEqual(sent(servers)[0], 0)
      }))

    it.scoped("a wrong password is said, and not hidden behind the primary", () =>
      Effect.gen(function*() {
        const servers = yield* setUp(1)
        servers.replicas[0]!.down = wrongPassword
        assert.strictEqual((yield* reasonOf(read(servers.db)))._tag, "AuthenticationError")
        assert.deepStrictEqual(sent(servers), [0, 0])
      }))

    it.scoped("one that was closed serves nothing, and the primary does", () =>
      Effect.gen(function*() {
        const primary = new FakeServer()
        const replica = new FakeServer()
        const scope = yield* EffectScope.make()
        const db = yield* Database.withReplicas({
          primary: yield* primary.database(),
          replicas: [yield* EffectScope.extend(replica.database(), scope)]
        })
        yield* EffectScope.close(scope, yield* Effect.exit(Effect.void))
        yield* read(db)
        assert.strictEqual(statements(primary).length, 1)
      }))

    it.scoped("readers that are interrupted while it is connected to leave nothing behind", () =>
      Effect.gen(function*() {
        const servers = yield* setUp(1)
        const { db, replicas: [replica] } = servers
        replica!.connectTime = 100
        const fibers = yield* Effect.all(Array.from({ length: 5 }, () => Effect.fork(read(db))))
        yield* TestClock.adjust(50)
        yield* Fiber.interruptAll(fibers)
        yield* TestClock.adjust("1 second")
        const stats = yield* db.pool.stats
        assert.deepStrictEqual([stats.lent, stats.waiting, stats.connecting], [0, 0, 0])
        yield* read(db)
        assert.deepStrictEqual(sent(servers), [0, 1])
      }))
  })

  it.scoped("what cannot work is a ConfigError that names it", () =>
    Effect.gen(function*() {
      const primary = yield* new FakeServer().database()
      const field = (options: Partial<Database.ReplicaOptions>) =>
        Effect.map(reasonOf(Database.withReplicas({ primary, replicas: [primary], ...options })), (reason) => reason._tag === "ConfigError" ? reason.field : reason._tag)
      assert.strictEqual(yield* field({ replicas: [] }), "replicas")
      assert.strictEqual(yield* field({ coolDown: -1 }), "coolDown")
      assert.strictEqual(yield* field({ primaryAfterWrite: "soon" as never }), "primaryAfterWrite")
      assert.strictEqual(yield* field({ replicas: [primary, { ...primary } as never] }), "replicas[1]")
    }))
})
