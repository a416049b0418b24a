/**
 * The same rows by Hono, which knows Promises and Requests: a handler hands the request's signal on, and that is all.
 */
import { type Sluice, SqlError } from "@sluice/core"
import { Hono } from "hono"
import { report, type User, type Visit } from "./Data.js"

async function* lines(chunks: AsyncIterable<ReadonlyArray<unknown>>) {
  const encoder = new TextEncoder()
  for await (const rows of chunks) yield encoder.encode(rows.map((row) => `${JSON.stringify(row)}\n`).join(""))
}

export const app = (db: Sluice.Sluice): Hono => {
  const app = new Hono()
  app.get("/users", async (c) => c.json(await db.query<User>`SELECT id, name FROM example_users ORDER BY id`.with({ signal: c.req.raw.signal })))
  app.get("/users/:id", async (c) => {
    const user = await db.query<User>`SELECT id, name FROM example_users WHERE id = ${Number(c.req.param("id"))}`.with({ signal: c.req.raw.signal }).first()
    return user === undefined ? c.notFound() : c.json(user)
  })
  app.get("/visits", (c) => {
    const visits = db.stream<Visit>`SELECT id, page, referrer FROM example_visits ORDER BY id`.with({ signal: c.req.raw.signal })
    return c.body(ReadableStream.from(lines(visits.chunks())), 200, { "content-type": "application/x-ndjson" })
  })
  app.get("/report", async (c) => {
    const [row] = await db.query(report(db.sql)).with({ signal: c.req.raw.signal })
    return c.json({ total: Number(row?.total) })
  })
  // What may be tried again is 503; anything else is a fault of ours.
  app.onError((error, c) => SqlError.isSqlError(error) && error.isRetryable ? c.body(null, 503) : c.body(null, 500))
  return app
}
