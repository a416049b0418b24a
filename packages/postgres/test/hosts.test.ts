/**
 * A primary and its standby, two servers of this file's own. Beside what every dialect is asked for: libpq's own words, who
 * may write where, and who listens while the standby is promoted.
 */
import { assert } from "@effect/vitest"
import type * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import * as Postgres from "@sluice/postgres/Postgres"
import { postgres } from "@sluice/testkit/profiles/postgres"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { hosts } from "../../testkit/test/hosts/hosts.js"
import { type Member, Members, until, within } from "../../testkit/test/hosts/members.js"
import { cluster, isMissing, promote, setReadOnly } from "./cluster.js"

const on = (hosts: ReadonlyArray<Member>, config: Postgres.Config) =>
  Postgres.layer({ hosts: hosts.map((host) => host.endpoint), username: "app", database: "app", ...config })

const portOf = (db: Database.Database) => db<number>`SELECT inet_server_port()`.scalar

hosts("Postgres", {
  isMissing,
  pair: cluster,
  layer: Postgres.layer,
  url: { scheme: "postgres", target: "target_session_attrs", balance: "load_balance_hosts" },
  texts: postgres.faults!,
  port: "inet_server_port()",
  refusal: { code: "25006", sqlState: "25006" },
  setReadOnly,
  promote,
  // Who listened to the old primary hears the new one.
  beside: (db) =>
    Effect.map(Effect.fork(Stream.runHead(Postgres.listen(db, "promoted"))), (heard) =>
      Effect.gen(function*() {
        yield* until(Effect.map(Effect.zip(Postgres.notify(db, "promoted", "b"), heard.poll), ([, exit]) => Option.isSome(exit)))
        assert.deepStrictEqual(yield* Fiber.join(heard), Option.some("b"))
      }))
}, (it) => {
  it.effect("hosts and their options stand in libpq's keywords and in the environment as well", () =>
    Effect.gen(function*() {
      const { pair: [a, b] } = yield* Members
      const url = `host=${b.host},${a.host} port=${b.port},${a.port} user=app dbname=app target_session_attrs=read-write`
      assert.strictEqual(yield* within(Postgres.layer({ url }), portOf), a.port)
      const variables = { PGHOST: `${a.host},${b.host}`, PGPORT: `${a.port},${b.port}`, PGUSER: "app", PGTARGETSESSIONATTRS: "standby" }
      const fromEnvironment = within(Postgres.layer({ environment: true }), portOf)
      assert.strictEqual(yield* Effect.withConfigProvider(fromEnvironment, ConfigProvider.fromMap(new Map(Object.entries(variables)))), b.port)
    }))

  it.effect("a span names the server where there is one, and none of several", () =>
    Effect.gen(function*() {
      const { pair: [a, b] } = yield* Members
      const spanOf = (layer: Layer.Layer<Database.DatabaseId, SqlError.SqlError>) => Effect.gen(function*() {
        const spans: Array<Tracer.Span> = []
        const native = yield* Effect.tracer
        const tracer = Tracer.make({
          span: (...about) => {
            const span = native.span(...about)
            spans.push(span)
            return span
          },
          context: (f) => f()
        })
        yield* Effect.withTracer(within(layer, portOf), tracer)
        return spans.map(({ attributes }) => attributes.get("server.port")).find((port) => port !== undefined)
      })
      assert.strictEqual(yield* spanOf(on([a], {})), a.port)
      assert.isUndefined(yield* spanOf(on([a, b], {})))
    }))

  it.effect("a primary that refuses to write is a primary all the same, and read-only", () =>
    Effect.gen(function*() {
      const { pair: [a, b] } = yield* Members
      yield* setReadOnly(a, true)
      assert.strictEqual(yield* within(on([b, a], { targetSessionAttrs: "primary" }), portOf), a.port)
      assert.strictEqual(yield* within(on([a, b], { targetSessionAttrs: "read-only" }), portOf), a.port)
      yield* setReadOnly(a, false)
    }))

  it.effect("a transaction that sets itself read-only is refused to write, and nothing is thought of the server", () =>
    Effect.gen(function*() {
      const { pair: [a, b] } = yield* Members
      yield* within(on([a, b], { targetSessionAttrs: "read-write" }), (db) => Effect.gen(function*() {
        const error = yield* Effect.flip(db.transaction(Effect.zipRight(db`SET TRANSACTION READ ONLY`, db`INSERT INTO marks VALUES (11, 0)`.run)))
        assert.deepStrictEqual([error.reason._tag, error.connection], ["AuthorizationError", "usable"])
        assert.strictEqual((yield* db.pool.stats).closed, 0)
      }))
    }))
})
