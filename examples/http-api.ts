/**
 * Rows over HTTP, twice on one ManagedRuntime: by an HttpApi of @effect/platform, and by Hono, which knows nothing of Effect. A
 * visitor then reads them, and leaves in the middle; its statement is cancelled on the server both times.
 *
 * `node dist/http-api.js [url]`, where the url is that of a PostgreSQL, MySQL or MariaDB; without one it is SQLite in a file.
 */
import { getRequestListener } from "@hono/node-server"
import { Database, Sluice } from "@sluice/core"
import { Mysql } from "@sluice/mysql"
import { Postgres } from "@sluice/postgres"
import { Sqlite } from "@sluice/sqlite"
import { Console, Effect, Fiber, Layer, ManagedRuntime, Redacted } from "effect"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer, type Server } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { atWork, seed } from "./http-api/Data.js"
import * as EffectApi from "./http-api/EffectApi.js"
import { app } from "./http-api/HonoApp.js"
import { visit } from "./http-api/Visitor.js"

const folder = mkdtempSync(join(tmpdir(), "sluice-http-"))

const database = (url: string | undefined) =>
  url === undefined
    ? Sqlite.layer({ filename: join(folder, "app.db") })
    : url.startsWith("postgres")
    ? Postgres.layer({ url: Redacted.make(url) })
    : Mysql.layer({ url: Redacted.make(url) })

const runtime = ManagedRuntime.make(database(process.argv[2]))

const address = (server: Server) => {
  const found = server.address()
  return `http://127.0.0.1:${typeof found === "object" && found !== null ? found.port : ""}`
}

const main = async () => {
  await using db = await Sluice.fromRuntime(runtime)
  await runtime.runPromise(seed)
  const asked = Effect.provideService(atWork, Database.Database, db.sql)

  const server = createServer()
  const api = runtime.runFork(Layer.launch(EffectApi.layer(server)))
  await once(server, "listening")
  await runtime.runPromise(Effect.flatMap(visit(address(server), asked), (seen) => Console.log(["by HttpApi", ...seen].join("\n  "))))
  // What the visitor keeps alive would hold the server open.
  server.closeAllConnections()
  await Effect.runPromise(Fiber.interrupt(api))

  const hono = createServer(getRequestListener(app(db).fetch)).listen(0)
  await once(hono, "listening")
  await runtime.runPromise(Effect.flatMap(visit(address(hono), asked), (seen) => Console.log(["by Hono", ...seen].join("\n  "))))
  hono.closeAllConnections()
  hono.close()
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  await runtime.dispose()
  rmSync(folder, { recursive: true, force: true })
}
