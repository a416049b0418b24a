/**
 * SQLite under Kysely, Drizzle, @effect/cluster and OpenTelemetry.
 */
import { Sqlite } from "@sluice/sqlite"
import * as Layer from "effect/Layer"
import { ecosystem } from "../../testkit/test/ecosystem/ecosystem.js"
import { newFile } from "./fixtures.js"

const layer = (config: Partial<Sqlite.Config> = {}) => Layer.suspend(() => Layer.fresh(Sqlite.layer({ filename: newFile(), ...config })))

ecosystem("sqlite", {
  layer,
  cluster: layer,
  builder: "sqlite",
  duplicate: { code: "SQLITE_CONSTRAINT_UNIQUE" },
  system: "sqlite",
  uniqueStatus: "SQLITE_CONSTRAINT_UNIQUE"
})
