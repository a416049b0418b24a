/**
 * A database of several hosts, on a primary and its standby: which one is connected to, what happens when the primary refuses
 * to write, where a statement is stopped, and what a promotion under load loses.
 *
 * Each dialect's tests call it by its path, with the pair that they start and the SQL that is theirs alone, and add what only they
 * promise.
 */
import { assert, describe, layer, type Vitest } from "@effect/vitest"
import * as Column from "@sluice/core/Column"
import type * as Database from "@sluice/core/Database"
import * as Doctor from "@sluice/core/Doctor"
import type * as Hosts from "@sluice/core/Hosts"
import type * as SqlError from "@sluice/core/SqlError"
import * as Table from "@sluice/core/Table"
import type * as Profile from "@sluice/testkit/Profile"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Member, Members, type Pair, until, within } from "./members.js"
import { promotion } from "./promotion.js"

/** What every dialect with a server has in its config. */
export interface Config extends Database.Config, Hosts.Config {
  readonly url?: string
  readonly host?: string
  readonly port?: number
  readonly username?: string
  readonly database?: string
}

/** A dialect, as these tests see it. */
export interface Options {
  readonly isMissing: boolean
  /** The pair. The user `app`, no administrator, may read and write the database `app` and its table `marks (id, port)`. */
  readonly pair: Effect.Effect<Pair, Error, Scope.Scope>
  readonly layer: (config: Config) => Layer.Layer<Database.DatabaseId, SqlError.SqlError>
  /** What a URL begins with, and what it calls two of the options. */
  readonly url: { readonly scheme: string; readonly target: string; readonly balance: string }
  readonly texts: Profile.FaultTexts
  /** The port of the server that answers, as an expression. */
  readonly port: string
  /** What the server says when it refuses to write. */
  readonly refusal: Pick<SqlError.SqlError["reason"], "code" | "sqlState">
  readonly setReadOnly: (primary: Member, isReadOnly: boolean) => Effect.Effect<void, SqlError.SqlError>
  readonly promote: (standby: Member) => Effect.Effect<void, SqlError.SqlError>
  /** What is under way on the database while its standby is promoted; the effect in it ends when that is well again. */
  readonly beside?: (db: Database.Database) => Effect.Effect<Effect.Effect<void, SqlError.SqlError | Error>, SqlError.SqlError, Scope.Scope>
}

const ways = Table.make("ways", { id: Column.integer().primaryKey().autoIncrement(), name: Column.text(10).notNull() })

/** Every way to write one row or two, by its name. */
const writing = (db: Database.Database): Readonly<Record<string, Effect.Effect<unknown, SqlError.SqlError>>> => ({
  prepared: db`INSERT INTO ways (name) VALUES (${"a"})`.run,
  unprepared: db`INSERT INTO ways (name) VALUES (${"a"})`.unprepared,
  stream: Stream.runDrain(db`INSERT INTO ways (name) VALUES (${"a"}) RETURNING id`.stream),
  executeMany: db.executeMany("INSERT INTO ways (name) VALUES (:name)", [{ name: "a" }, { name: "b" }]),
  batch: db.batch([db`INSERT INTO ways (name) VALUES ('a')`]),
  transaction: db.transaction(db`INSERT INTO ways (name) VALUES ('a')`.run),
  session: Effect.scoped(Effect.flatMap(db.session, (session) => session`INSERT INTO ways (name) VALUES ('a')`.run)),
  bulk: Effect.scoped(db.withConnection((connection) =>
    Effect.gen(function*() {
      const writer = yield* connection.bulk!({ table: "ways", columns: ["name"], onConflict: "error" })
      yield* writer.write([["a"], ["b"]])
      yield* writer.finish
    })))
})

/** The tests of every dialect, and those of this one before the primary is killed. */
export const hosts = (title: string, options: Options, own: (it: Vitest.MethodsNonLive<Members, true>) => void): void => {
  const { isMissing, pair, setReadOnly, texts, url } = options

  /** A database of several hosts, as a user who owns it and no more. */
  const on = (hosts: ReadonlyArray<Member>, target: Hosts.TargetSessionAttrs, config: Config = {}) =>
    options.layer({ hosts: hosts.map((host) => host.endpoint), targetSessionAttrs: target, username: "app", database: "app", ...config })

  const portOf = (db: Database.Database) => db.unsafe<{ readonly port: number }>(`SELECT ${options.port} AS port`).scalar

  describe.skipIf(isMissing)(`${title}, several hosts`, () => {
    layer(Layer.scoped(Members, Effect.map(pair, (pair) => ({ pair }))), { excludeTestServices: true, timeout: "60 seconds" })((it) => {
      it.effect("targetSessionAttrs chooses by what a server says of itself, in whatever order the hosts are given", () =>
        Effect.gen(function*() {
          const { pair: [a, b] } = yield* Members
          const cases = [
            ["primary", [b, a], a], ["read-write", [b, a], a], ["standby", [a, b], b], ["read-only", [a, b], b],
            ["prefer-standby", [a, b], b], ["prefer-standby", [a], a], ["any", [b, a], b]
          ] as const
          for (const [target, hosts, expected] of cases) {
            yield* within(on(hosts, target), (db) => Effect.gen(function*() {
              assert.strictEqual(yield* portOf(db), expected.port, target)
              assert.strictEqual(yield* db.withConnection((connection) => Effect.succeed(connection.endpoint)), expected.endpoint)
              const { steps } = yield* db.doctor
              const verdict = steps.filter(({ name }) => name === "targetSessionAttrs").map(({ status }) => status)
              assert.deepStrictEqual(verdict, target === "any" ? [] : ["ok"], Doctor.render({ dialect: target, status: "ok", steps, pool: undefined }))
              const roles = steps.filter(({ name }) => name === "role").map(({ detail }) => detail?.replace(/: not .*/, ""))
              assert.deepStrictEqual(roles, target === "any" ? [] : hosts.map((host) => host === a ? "a primary, read-write" : "a standby, read-only"))
            }))
          }
          const error = yield* Effect.flip(within(on([b], "primary", { pool: { acquireTimeout: 500 } }), portOf))
          assert.strictEqual(error.reason._tag, "ConnectionError")
          assert.include(error.message, `${b.endpoint} is a standby`)
          yield* within(on([b], "primary", { pool: { lazy: true, acquireTimeout: 500 } }), (db) => Effect.gen(function*() {
            const { status, steps } = yield* db.doctor
            assert.strictEqual(status, "failed")
            assert.include(steps.find(({ name }) => name === "role")?.detail, "not a primary")
            const verdict = steps.find(({ name }) => name === "targetSessionAttrs")
            assert.deepStrictEqual([verdict?.status, verdict?.detail], ["failed", "0 of 1 is a primary"])
            assert.include(verdict?.hint, "`targetSessionAttrs`")
          }))
        }))

      it.effect("hosts and their options stand in a URL as well; fields beside it win", () =>
        Effect.gen(function*() {
          const { pair: [a, b] } = yield* Members
          const reached = (config: Config) => within(options.layer(config), portOf)
          const both = `${url.scheme}://app@${b.endpoint},${a.endpoint}/app?${url.target}=primary&${url.balance}=random`
          assert.strictEqual(yield* reached({ url: both }), a.port)
          assert.strictEqual(yield* reached({ url: both, targetSessionAttrs: "standby" }), b.port)
          assert.strictEqual(yield* reached({ url: both, host: b.host, port: b.port, targetSessionAttrs: "any" }), b.port)
          assert.strictEqual(yield* reached({ url: `${url.scheme}://app@nowhere.invalid/app`, hosts: [{ host: a.host }, b.endpoint], port: a.port }), a.port)
          const field = (config: Config) => Effect.map(Effect.flip(reached(config)), ({ reason }) => reason._tag === "ConfigError" ? reason.field : reason._tag)
          assert.strictEqual(yield* field({ url: `${url.scheme}://a,b/x?${url.target}=master` }), `url.${url.target}`)
          assert.strictEqual(yield* field({ url: `${url.scheme}://a,b/x?${url.balance}=yes` }), `url.${url.balance}`)
          assert.strictEqual(yield* field({ url: `${url.scheme}://u:s3cr3t@a,:1/x` }), "url.host")
          assert.strictEqual(yield* field({ hosts: ["a"], host: "b" }), "hosts")
          assert.strictEqual(yield* field({ hosts: ["a", "b:x"] }), "hosts[1]")
          assert.strictEqual(yield* field({ hosts: [] }), "hosts")
        }))

      it.effect("a host where nobody listens is passed over; when none is left, the error names each and no secret", () =>
        Effect.gen(function*() {
          const { pair: [a] } = yield* Members
          const config: Config = { hosts: ["127.0.0.1:1", a.endpoint], username: "app", database: "app" }
          assert.strictEqual(yield* within(options.layer({ ...config, targetSessionAttrs: "primary" }), portOf), a.port)
          assert.strictEqual(yield* within(options.layer(config), portOf), a.port)
          const nowhere = options.layer({ url: `${url.scheme}://app:s3cr3t@127.0.0.1:1,127.0.0.1:2/app`, pool: { acquireTimeout: 500 } })
          const error = yield* Effect.flip(within(nowhere, portOf))
          assert.match(error.message, /127\.0\.0\.1:1.*127\.0\.0\.1:2/)
          assert.notInclude(error.message, "s3cr3t")
        }))

      it.effect("S5 a statement is stopped on the server where it runs, and none elsewhere", () =>
        Effect.gen(function*() {
          const { pair: [a, b] } = yield* Members
          // The first of the hosts is not where it runs.
          // Longer than a KILL takes on cores that have other work: a connection that is given up is not what is asked here.
          yield* within(on([a, b], "standby", { pool: { max: 8, cancelTimeout: "30 seconds" } }), (there) =>
            within(on([a], "primary", { pool: { max: 40 } }), (innocent) => Effect.gen(function*() {
              const slept = Effect.timed(innocent.unsafe(texts.sleep(1.5)))
              const statements = yield* Effect.fork(Effect.forEach(Array.from({ length: 40 }), () => slept, { concurrency: 40 }))
              yield* Effect.sleep(100)
              for (let round = 0; round < 10; round++) {
                const victims = yield* Effect.fork(Effect.forEach(Array.from({ length: 8 }), () => there.unsafe(texts.sleep(30)), { concurrency: 8 }))
                yield* Effect.sleep(20)
                yield* Fiber.interrupt(victims)
                yield* until(Effect.map(there.pool.stats, (stats) => stats.lent + stats.retired === 0))
              }
              assert.strictEqual(Number(yield* b.ask<number>(`SELECT COUNT(*) FROM (${texts.sessions}) AS s WHERE running`)), 0)
              assert.strictEqual((yield* there.pool.stats).closed, 0)
              // One that is stopped may answer as if it had slept.
              for (const [time] of yield* Fiber.join(statements)) assert.isAtLeast(Duration.toMillis(time), 1_490)
            })))
        }))

      own(it)

      it.effect("every way to write says that a primary refuses to; who comes next waits until one can be written to", () =>
        Effect.gen(function*() {
          const { pair: [a, b] } = yield* Members
          yield* within(on([a, b], "read-write", { pool: { max: 2 } }), (db) => Effect.gen(function*() {
            yield* Table.create(db, ways)
            for (const [name, way] of Object.entries(writing(db))) {
              yield* setReadOnly(a, true)
              // What is open already is told by the refusal; a new one says what it is, or is asked.
              const error = yield* Effect.flip(way)
              assert.deepStrictEqual([error.reason._tag, error.isRetryable, error.outcome, error.connection], ["ConnectionError", true, "not-applied", "broken"], `${name}: ${error.message}`)
              assert.deepInclude({ code: error.reason.code, sqlState: error.reason.sqlState }, options.refusal)
              const next = yield* Effect.fork(way)
              yield* Effect.sleep(100)
              assert.isNull(next.unsafePoll(), name)
              yield* setReadOnly(a, false)
              yield* Fiber.join(next)
            }
            assert.strictEqual((yield* ways.select(db)).length, 10)
            yield* until(Effect.map(db.pool.stats, (stats) => stats.lent + stats.retired + stats.waiting === 0))
          }))
        }), { timeout: 60_000 })

      it.effect("a transaction that is read-only by its own wish is refused to write, and nothing is thought of the server", () =>
        Effect.gen(function*() {
          const { pair: [a, b] } = yield* Members
          const refused = (layer: Layer.Layer<Database.DatabaseId, SqlError.SqlError>, readOnly: boolean) =>
            within(layer, (db) => Effect.gen(function*() {
              const error = yield* Effect.flip(db.transaction({ readOnly })(db`INSERT INTO marks VALUES (11, 0)`.run))
              assert.deepStrictEqual([error.reason._tag, error.connection], ["AuthorizationError", "usable"])
              assert.strictEqual((yield* db.pool.stats).closed, 0)
            }))
          yield* refused(on([a, b], "read-write"), true)
          // A standby's refusal is the same, where any server will do.
          yield* refused(on([b], "any"), false)
        }))

      promotion(it, options, on, portOf)
    })
  })
}
