/**
 * Starting: what Sluice adds to an app's import and to its compiler, beside the stock packages. No database is asked.
 */
import * as Effect from "effect/Effect"
import { versionOf } from "../Machine.js"
import * as Suite from "../Suite.js"
import { checking } from "./Checking.js"
import { importing } from "./Importing.js"

export const startup = Suite.make({
  name: "startup",
  head: { direct: "effect", stock: "@effect/sql" },
  measurements: [importing, checking],
  open: () => Effect.succeed({}),
  versions: () => ["@effect/sql-pg", "@effect/sql-mysql2", "@effect/sql-sqlite-node"].map(versionOf)
})
