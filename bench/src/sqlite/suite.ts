/**
 * SQLite, beside better-sqlite3 and @effect/sql-sqlite-node.
 */
import Driver from "better-sqlite3"
import * as Effect from "effect/Effect"
import { loading } from "../Loading.js"
import { versionOf } from "../Machine.js"
import * as Suite from "../Suite.js"
import { writing } from "../Writing.js"
import { bulkInsert } from "./BulkInsert.js"
import { files, type Files } from "./Data.js"
import * as Opened from "./Opened.js"
import { eventLoop } from "./EventLoop.js"
import { overhead } from "./Overhead.js"
import { pointQuery } from "./PointQuery.js"
import { streaming } from "./Streaming.js"

const sqliteVersion = (): string => {
  const db = new Driver(":memory:")
  const version = db.prepare<[], string>("SELECT sqlite_version()").pluck().get()
  db.close()
  return `SQLite ${version}`
}

const loaded = loading<Files>(new URL("./load.js", import.meta.url), ({ newFile }) => Effect.sync(() => newFile("loaded")))

const written = writing<Files>(({ newFile }) => Opened.ours(newFile("writes"), true))

export const sqlite = Suite.make({
  name: "sqlite",
  head: { direct: "direct better-sqlite3", stock: "@effect/sql-sqlite-node" },
  measurements: [pointQuery, overhead, streaming, bulkInsert, loaded, eventLoop, written],
  open: ({ folder, rows }) => Effect.sync(() => files(folder, rows)),
  versions: () => [sqliteVersion(), versionOf("better-sqlite3"), versionOf("@effect/sql-sqlite-node")]
})
