/**
 * What runs on a database without being written for it, and needs a package of its own: Kysely, Drizzle, @effect/cluster, an
 * exporter of OpenTelemetry; and a spool, which needs a file system. What @effect/sql itself brings is in the conformance suite.
 *
 * It stands among the tests, because a testkit that is published must not bring these packages along: a dialect's tests
 * call it by its path.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import type * as Layer from "effect/Layer"
import { describe } from "vitest"
import { cluster } from "./cluster.js"
import { drizzle } from "./drizzle.js"
import { kysely } from "./kysely.js"
import { spool } from "./spool.js"
import { tracing } from "./tracing.js"

type Fresh = (config?: Database.Config) => Layer.Layer<Database.DatabaseId | SqlClient.SqlClient, SqlError.SqlError>

/** A dialect, as these packages see it. */
export interface Options {
  /** A database that is fresh and empty each time the layer is built. */
  readonly layer: Fresh
  /** The same for who runs migrations in `withTransaction`. */
  readonly cluster: Fresh
  /** Which of the builders' dialects it speaks. */
  readonly builder: "sqlite" | "mysql" | "pg"
  /** What the driver's error of a duplicate has, for code that was written for the driver. */
  readonly duplicate: object
  /** `db.system.name`. */
  readonly system: string
  /** `db.response.status_code` of a duplicate. */
  readonly uniqueStatus: string
  /** `server.address` and `server.port`, where there is a server. */
  readonly server?: readonly [address: string, port: number]
}

export const ecosystem = (title: string, options: Options): void => {
  describe(`${title}, the ecosystem`, () => {
    for (const part of [kysely, drizzle, cluster, tracing, spool]) part(options)
  })
}
