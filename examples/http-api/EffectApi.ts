/**
 * The rows as an HttpApi of @effect/platform: described once, served by its handlers.
 *
 * A client that goes away interrupts its request's fiber, and with it the statement: nothing here has to say so.
 */
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiError, HttpApiGroup, HttpApiSchema, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Database, SqlError } from "@sluice/core"
import { Effect, Layer, Option, Schema, Stream } from "effect"
import type { Server } from "node:http"
import { report, type Visit } from "./Data.js"

const User = Schema.Struct({ id: Schema.Number, name: Schema.String })

class Users extends HttpApiGroup.make("users")
  .add(HttpApiEndpoint.get("list", "/users").addSuccess(Schema.Array(User)))
  .add(HttpApiEndpoint.get("byId")`/users/${HttpApiSchema.param("id", Schema.NumberFromString)}`.addSuccess(User).addError(HttpApiError.NotFound))
  .add(HttpApiEndpoint.get("visits", "/visits").addSuccess(Schema.Any))
  .add(HttpApiEndpoint.get("report", "/report").addSuccess(Schema.Struct({ total: Schema.Number })))
  .addError(HttpApiError.ServiceUnavailable)
{}

class Api extends HttpApi.make("example").add(Users) {}

// What may be tried again is 503; anything else is a fault of ours, and a defect is 500.
const unavailable = (error: SqlError.SqlError) => error.isRetryable ? Effect.fail(new HttpApiError.ServiceUnavailable()) : Effect.die(error)

const users = HttpApiBuilder.group(Api, "users", (handlers) =>
  Effect.gen(function*() {
    const db = yield* Database.Database
    return handlers
      .handle("list", () => Effect.catchAll(db`SELECT id, name FROM example_users ORDER BY id`.decode(User), unavailable))
      .handle("byId", ({ path }) =>
        db`SELECT id, name FROM example_users WHERE id = ${path.id}`.decode(User).first.pipe(
          Effect.catchAll(unavailable),
          Effect.flatMap(Option.match({ onNone: () => new HttpApiError.NotFound(), onSome: Effect.succeed }))
        ))
      .handleRaw("visits", () => {
        const lines = db<Visit>`SELECT id, page, referrer FROM example_visits ORDER BY id`.stream.pipe(
          Stream.map((visit) => `${JSON.stringify(visit)}\n`),
          // A chunk of rows is one write.
          Stream.chunks,
          Stream.map((chunk) => [...chunk].join("")),
          Stream.encodeText
        )
        return HttpServerResponse.stream(lines, { contentType: "application/x-ndjson" })
      })
      .handle("report", () => Effect.catchAll(Effect.map(report(db), (rows) => ({ total: Number(rows[0]?.total) })), unavailable))
  }))

/** Serves on a port of the system's choice, until it is interrupted. */
export const layer = (server: Server) =>
  HttpApiBuilder.serve().pipe(
    Layer.provide(HttpApiBuilder.api(Api).pipe(Layer.provide(users))),
    Layer.provide(NodeHttpServer.layer(() => server, { port: 0 }))
  )
