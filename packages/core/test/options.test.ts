/**
 * Options that cannot work are ConfigErrors that name their field (law V4), before anything is opened.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Config } from "../src/Pool.js"
import { FakeServer } from "./fake.js"

const bad: ReadonlyArray<readonly [title: string, field: string, config: Config]> = [
  ["max 0", "pool.max", { max: 0 }],
  ["a negative max", "pool.max", { max: -1 }],
  ["half a connection", "pool.max", { max: 1.5 }],
  ["NaN connections", "pool.max", { max: Number.NaN }],
  ["infinitely many", "pool.max", { max: Number.POSITIVE_INFINITY }],
  ["min above max", "pool.min", { max: 2, min: 3 }],
  ["a negative min", "pool.min", { min: -1 }],
  ["minIdle above max", "pool.minIdle", { max: 2, minIdle: 3 }],
  ["a negative acquireTimeout", "pool.acquireTimeout", { acquireTimeout: -1 }],
  ["an acquireTimeout of nothing", "pool.acquireTimeout", { acquireTimeout: 0 }],
  ["a duration that is none", "pool.acquireTimeout", { acquireTimeout: "soon" as "1 second" }],
  ["a negative duration in words", "pool.idleTimeout", { idleTimeout: "-1 seconds" as "1 seconds" }],
  ["a negative bigint", "pool.maxLifetime", { maxLifetime: -1n }],
  ["NaN as a duration", "pool.keepAlive", { keepAlive: Number.NaN }],
  ["a negative validateAfter", "pool.validateAfter", { validateAfter: -1 }],
  ["a negative leakAfter", "pool.leakAfter", { leakAfter: -1 }],
  ["a negative closeTimeout", "pool.closeTimeout", { closeTimeout: -1 }],
  ["a negative cancelTimeout", "pool.cancelTimeout", { cancelTimeout: -1 }],
  ["jitter above 1", "pool.jitter", { jitter: 1.1 }],
  ["NaN jitter", "pool.jitter", { jitter: Number.NaN }],
  ["another word for reset", "pool.reset", { reset: "never" as "always" }]
]

describe("V4 options", () => {
  it.scoped.each(bad.map(([title, field, config]) => ({ title, field, config })))("$title", ({ config, field }) => Effect.gen(function*() {
    const server = new FakeServer()
    const { reason } = yield* Effect.flip(server.pool(config))
    assert.strictEqual(reason._tag, "ConfigError")
    if (reason._tag === "ConfigError") assert.strictEqual(reason.field, field)
    assert.include(reason.message, field)
    assert.deepStrictEqual([reason.isRetryable, reason.outcome, server.attempts], [false, "not-applied", 0])
  }))

  it.scoped("zero and infinity where they mean something", () => Effect.gen(function*() {
    const server = new FakeServer()
    const pool = yield* server.pool({
      validateAfter: 0, closeTimeout: 0, acquireTimeout: Duration.infinity, idleTimeout: Duration.infinity, maxLifetime: Duration.infinity,
      keepAlive: Duration.infinity, leakAfter: Duration.infinity, jitter: 0
    })
    assert.strictEqual((yield* pool.stats).max, 10)
  }))

  it.scoped("of the database", () => Effect.gen(function*() {
    for (const [field, config] of [["fetchSize", { fetchSize: 0 }], ["statementTimeout", { statementTimeout: -1 }]] as const) {
      const { reason } = yield* Effect.flip(new FakeServer().database(config))
      assert.deepStrictEqual([reason._tag, reason._tag === "ConfigError" ? reason.field : ""], ["ConfigError", field])
    }
  }))
})
