/**
 * Spans and metrics by OpenTelemetry's database conventions, and nothing where nobody listens.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import * as Telemetry from "@sluice/core/Telemetry"
import { Sqlite } from "@sluice/sqlite"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { newFile } from "./fixtures.js"

interface Span {
  readonly name: string
  readonly kind: string
  readonly parent: string | undefined
  readonly attributes: ReadonlyMap<string, unknown>
}

/** A tracer that keeps its spans. */
const recording = () => {
  const spans: Array<Span> = []
  const native = Effect.runSync(Effect.tracer)
  const tracer = Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const span = native.span(name, parent, context, links, startTime, kind)
      const above = parent._tag === "Some" && parent.value._tag === "Span" ? parent.value.name : undefined
      spans.push({ name, kind, parent: above, attributes: span.attributes })
      return span
    },
    context: (f) => f()
  })
  return { spans, tracer }
}

const people = Effect.gen(function*() {
  const db = yield* Database.Database
  yield* db`CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT UNIQUE)`
  yield* db.transaction(db`INSERT INTO people ${db.insert({ id: 1, name: "a name that is nobody's business" })}`.run)
  yield* Effect.ignore(db`INSERT INTO people ${db.insert({ id: 1, name: "another" })}`.run)
  yield* Stream.runDrain(db`SELECT name FROM people`.stream)
})

describe("spans", () => {
  it.effect("keep the stock names and have the conventions' attributes", () =>
    Effect.gen(function*() {
      const filename = newFile()
      const { spans, tracer } = recording()
      yield* people.pipe(
        Effect.withTracer(tracer),
        Effect.provide(Layer.fresh(Sqlite.layer({ filename, spanAttributes: { "service.part": "test" } })))
      )
      assert.deepStrictEqual(spans.map((span) => [span.name, span.kind, span.parent]), [
        ["sql.execute", "client", undefined],
        ["sql.transaction", "client", undefined],
        ["sql.execute", "client", "sql.transaction"],
        ["sql.execute", "client", undefined],
        ["sql.execute", "client", undefined]
      ])
      assert.deepStrictEqual(spans.map((span) => span.attributes.get("db.operation.name")), ["CREATE", undefined, "INSERT", "INSERT", "SELECT"])
      const [, , insert, failed] = spans
      assert.deepStrictEqual(Object.fromEntries(insert?.attributes ?? []), {
        "db.system.name": "sqlite",
        "db.namespace": filename,
        "db.operation.name": "INSERT",
        "db.query.text": `INSERT INTO people ("id","name") VALUES (?,?)`,
        "service.part": "test"
      })
      assert.strictEqual(failed?.attributes.get("error.type"), "UniqueViolation")
      assert.strictEqual(failed?.attributes.get("db.response.status_code"), "SQLITE_CONSTRAINT_PRIMARYKEY")
      assert.notInclude(JSON.stringify(spans.map((span) => [...span.attributes])), "business")
    }))
})

const recorded = Effect.map(Metric.snapshot, (pairs) =>
  pairs.flatMap((pair) => pair.metricKey.name.startsWith("db.client.")
    ? [`${pair.metricKey.name} ${pair.metricKey.tags.map((tag) => `${tag.key}=${tag.value}`).toSorted().join(" ")}`]
    : []))

describe("metrics", () => {
  it.effect("are not recorded unless asked for, and then by the conventions' names", () =>
    Effect.gen(function*() {
      yield* people.pipe(Effect.provide(Layer.fresh(Sqlite.layer({ filename: newFile() }))))
      assert.deepStrictEqual(yield* recorded, [])
      const layer = Layer.fresh(Sqlite.layer({ filename: newFile() })).pipe(Layer.provide(Telemetry.layerMetrics))
      const names = yield* people.pipe(Effect.zipRight(recorded), Effect.provide(layer))
      for (const name of ["count", "create_time", "wait_time", "use_time", "pending_requests"]) {
        assert.isTrue(names.some((found) => found.startsWith(`db.client.connection.${name} `)), `${name} in ${names.join("\n")}`)
      }
      assert.isTrue(names.includes("db.client.operation.duration db.operation.name=INSERT db.system.name=sqlite"), names.join("\n"))
      assert.isTrue(names.includes("db.client.operation.duration db.operation.name=INSERT db.system.name=sqlite error.type=UniqueViolation"))
    }))
})
