/**
 * What a bundler keeps: apps that import a part, and the sizes and packages of their bundles. Measured by esbuild, minified, with
 * nothing external but Node's own and native code.
 *
 * Called by `scripts/audit.mjs` with a folder in which the packages are installed.
 */
import { build } from "esbuild"
import { gzipSync } from "node:zlib"

/** An app, and which packages its bundle must not hold. */
export const apps = {
  "Database of @sluice/core": {
    text: `import { Database } from "@sluice/core"; import { Effect } from "effect"; export const one = Effect.flatMap(Database.Database, (db) => db\`SELECT 1\`)`,
    without: ["@sluice/sqlite", "@sluice/mysql", "@sluice/postgres", "@sluice/batcher", "better-sqlite3", "mysql2", "pg"]
  },
  "all of @sluice/core": {
    text: `import * as Core from "@sluice/core"; import { Effect } from "effect"; export const all = Effect.succeed(Core)`,
    without: ["@sluice/sqlite", "@sluice/mysql", "@sluice/postgres", "@sluice/batcher", "better-sqlite3", "mysql2", "pg"]
  },
  "SqlClient of @effect/sql": {
    text: `import { SqlClient } from "@effect/sql"; import { Effect } from "effect"; export const one = Effect.flatMap(SqlClient.SqlClient, (sql) => sql\`SELECT 1\`)`,
    without: []
  },
  "Sqlite of @sluice/sqlite": {
    text: `import { Sqlite } from "@sluice/sqlite"; export const layer = Sqlite.layer({ filename: ":memory:" })`,
    without: ["@sluice/mysql", "@sluice/postgres", "@sluice/batcher", "mysql2", "pg"]
  },
  "Postgres of @sluice/postgres": {
    text: `import { Postgres } from "@sluice/postgres"; export const layer = Postgres.layer({})`,
    without: ["@sluice/sqlite", "@sluice/mysql", "@sluice/batcher", "better-sqlite3", "mysql2"]
  }
}

// The innermost folder of that name: a dependency's dependency lies below both.
const packageOf = (input) => /^.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]

/** Bundles an app; answers with its size in bytes, that of its gzip, and the packages that left something in it. */
export const bundled = async (folder, text) => {
  const { metafile, outputFiles } = await build({
    stdin: { contents: text, resolveDir: folder },
    absWorkingDir: folder,
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "node",
    external: ["better-sqlite3", "pg-native", "cloudflare:sockets", "@electric-sql/pglite"],
    logLevel: "silent"
  })
  const [{ contents }] = outputFiles
  const [{ inputs, imports }] = Object.values(metafile.outputs)
  const kept = Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([input]) => packageOf(input))
  return {
    size: contents.length,
    gzip: gzipSync(contents).length,
    packages: [...new Set([...kept, ...imports.map(({ path }) => path)])].filter((name) => name !== undefined)
  }
}
