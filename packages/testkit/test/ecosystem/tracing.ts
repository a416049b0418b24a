/**
 * Tracing by OpenTelemetry's own SDK: what an exporter gets, by the conventions for databases that are stable.
 *
 * The names are those of @opentelemetry/semantic-conventions and not ours, so that a wrong one cannot be right twice.
 */
import * as Resource from "@effect/opentelemetry/Resource"
import * as OtelTracer from "@effect/opentelemetry/Tracer"
import { assert, describe, it } from "@effect/vitest"
import { SpanKind, SpanStatusCode } from "@opentelemetry/api"
import { BasicTracerProvider, InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base"
import {
  ATTR_DB_NAMESPACE,
  ATTR_DB_OPERATION_NAME,
  ATTR_DB_QUERY_TEXT,
  ATTR_DB_RESPONSE_STATUS_CODE,
  ATTR_DB_SYSTEM_NAME,
  ATTR_ERROR_TYPE,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT
} from "@opentelemetry/semantic-conventions"
import * as Column from "@sluice/core/Column"
import * as Database from "@sluice/core/Database"
import * as Table from "@sluice/core/Table"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Options } from "./ecosystem.js"

const people = Table.make("people", { id: Column.integer().primaryKey(), name: Column.text(40).notNull().unique() })

/** What an exporter gets of a program that runs on a database which is there already. */
const exported = <A, E>(program: Effect.Effect<A, E, Database.DatabaseId>) =>
  Effect.gen(function*() {
    const exporter = new InMemorySpanExporter()
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
    const tracer = OtelTracer.layer.pipe(
      Layer.provide(Layer.succeed(OtelTracer.OtelTracerProvider, provider)),
      Layer.provide(Resource.layer({ serviceName: "test" }))
    )
    yield* Effect.exit(program).pipe(Effect.provide(tracer))
    return exporter.getFinishedSpans()
  })

const named = (spans: ReadonlyArray<ReadableSpan>, name: string) => {
  const found = spans.find((span) => span.name === name)
  assert.isDefined(found, `a span named ${name}`)
  return found!
}
const childrenOf = (spans: ReadonlyArray<ReadableSpan>, parent: ReadableSpan) =>
  spans.filter((span) => span.parentSpanContext?.spanId === parent.spanContext().spanId)

export const tracing = ({ layer, server, system, uniqueStatus }: Options): void => {
  describe("V5 tracing by OpenTelemetry", () => {
    it.live("spans stand under the user's own, a transaction's statements under the transaction's", () =>
      Effect.gen(function*() {
        const db = yield* Database.Database
        yield* Table.create(db, people)
        const spans = yield* exported(Effect.gen(function*() {
          yield* db.transaction(Effect.zipRight(people.insert(db, { id: 1, name: "Ada" }), db.transaction(people.insert(db, { id: 2, name: "Grace" })))).pipe(Effect.withSpan("register"))
          yield* Stream.runDrain(db`SELECT * FROM people`.stream).pipe(Effect.withSpan("list"))
        }).pipe(Effect.withSpan("request")))
        const request = named(spans, "request")
        assert.deepStrictEqual(childrenOf(spans, request).map(({ name }) => name), ["register", "list"])
        const [outer] = childrenOf(spans, named(spans, "register"))
        assert.strictEqual(outer?.name, "sql.transaction")
        assert.deepStrictEqual(childrenOf(spans, outer!).map(({ name }) => name), ["sql.execute", "sql.transaction"])
        assert.deepStrictEqual(childrenOf(spans, named(spans, "list")).map(({ name }) => name), ["sql.execute"])
        assert.strictEqual(new Set(spans.map((span) => span.spanContext().traceId)).size, 1)
        for (const span of spans) {
          assert.strictEqual(span.status.code, SpanStatusCode.OK)
          assert.strictEqual(span.kind, span.name.startsWith("sql.") ? SpanKind.CLIENT : SpanKind.INTERNAL)
        }
      }).pipe(Effect.provide(layer())))

    it.live("a statement has the conventions' attributes: system, namespace, operation, text with placeholders, server", () =>
      Effect.gen(function*() {
        const db = yield* Database.Database
        yield* Table.create(db, people)
        const [insert, select] = yield* exported(Effect.zipRight(
          db`INSERT INTO people ${db.insert({ id: 1, name: "nobody's business" })}`,
          db`SELECT id FROM people WHERE name = ${"nobody's business"}`
        ))
        const namespace = select?.attributes[ATTR_DB_NAMESPACE]
        assert.isString(namespace)
        assert.isNotEmpty(namespace)
        assert.deepStrictEqual(select?.attributes, {
          [ATTR_DB_SYSTEM_NAME]: system,
          [ATTR_DB_NAMESPACE]: namespace,
          [ATTR_DB_OPERATION_NAME]: "SELECT",
          [ATTR_DB_QUERY_TEXT]: `SELECT id FROM people WHERE name = ${db.dialect.placeholder(1)}`,
          ...(server === undefined ? {} : { [ATTR_SERVER_ADDRESS]: server[0], [ATTR_SERVER_PORT]: server[1] })
        })
        assert.strictEqual(insert?.attributes[ATTR_DB_OPERATION_NAME], "INSERT")
      }).pipe(Effect.provide(layer())))

    it.live("a failure has the error's type, the server's code and the status of an error; no span and no event holds a value", () =>
      Effect.gen(function*() {
        const db = yield* Database.Database
        yield* Table.create(db, people)
        const insert = db`INSERT INTO people ${db.insert({ id: 1, name: "nobody's business" })}`
        const spans = yield* exported(Effect.zipRight(insert, Effect.zipRight(
          Effect.ignore(db.transaction(db`SELECT none FROM people WHERE name = ${"nobody's business"}`)),
          db`INSERT INTO people ${db.insert({ id: 2, name: "nobody's business" })}`
        )).pipe(Effect.withSpan("request")))
        const twice = spans.find((span) => span.attributes[ATTR_ERROR_TYPE] === "UniqueViolation")
        assert.strictEqual(twice?.name, "sql.execute")
        assert.strictEqual(twice?.attributes[ATTR_DB_RESPONSE_STATUS_CODE], uniqueStatus)
        assert.strictEqual(twice?.status.code, SpanStatusCode.ERROR)
        assert.include(twice?.status.message, "UniqueViolation")
        assert.strictEqual(named(spans, "sql.transaction").status.code, SpanStatusCode.ERROR)
        assert.strictEqual(named(spans, "request").status.code, SpanStatusCode.ERROR)
        for (const { attributes, events, status } of spans) assert.notInclude(JSON.stringify([attributes, events, status]), "business")
      }).pipe(Effect.provide(layer())))
  })
}
