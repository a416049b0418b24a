/**
 * What both apps serve, and how one asks a database whether it still works for them.
 *
 * The SQL is everybody's but for one report, which takes a minute on purpose. Read by the two apps and by the visitor.
 */
import { Database, type SqlError, type Statement } from "@sluice/core"
import { Effect } from "effect"

export interface User {
  readonly id: number
  readonly name: string
}

export interface Visit {
  readonly id: number
  readonly page: string
  readonly referrer: string
}

/** Twenty megabytes: more than sockets hold, so that who stops reading stops the query. */
export const visits = 20_000

/** Two tables, anew. */
export const seed = Effect.gen(function*() {
  const db = yield* Database.Database
  yield* db`DROP TABLE IF EXISTS example_users`
  yield* db`DROP TABLE IF EXISTS example_visits`
  yield* db`CREATE TABLE example_users (id INTEGER PRIMARY KEY, name VARCHAR(40))`
  yield* db`CREATE TABLE example_visits (id INTEGER PRIMARY KEY, page VARCHAR(40), referrer VARCHAR(1000))`
  yield* db`INSERT INTO example_users ${db.insert([{ id: 1, name: "Ada" }, { id: 2, name: "Grace" }])}`.run
  yield* db.executeMany(
    "INSERT INTO example_visits (id, page, referrer) VALUES (:id, :page, :referrer)",
    Array.from({ length: visits }, (_, id) => ({ id, page: `/page/${id % 100}`, referrer: "/".repeat(1_000) }))
  )
})

/** A report that takes a minute, as somebody's first version of one does. */
export const report = (sql: Database.Database): Statement.Statement<{ readonly total: number }> =>
  sql.onDialectOrElse({
    pg: () => sql<{ readonly total: number }>`SELECT COUNT(*) AS total, pg_sleep(60) AS example_report`,
    mysql: () => sql<{ readonly total: number }>`SELECT COUNT(*) AS total, SLEEP(60) AS example_report FROM example_users`,
    // SQLite is stopped between rows.
    orElse: () => sql<{ readonly total: number }>`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS total FROM n WHERE i % 100000 = 0`
  })

/** How many statements of ours there are: connections that are lent, and what the server itself says that it runs. */
export const atWork: Effect.Effect<number, SqlError.SqlError, Database.DatabaseId> = Effect.gen(function*() {
  const db = yield* Database.Database
  const { lent, retired } = yield* db.pool.stats
  const running = yield* db.onDialectOrElse({
    pg: () => db<number>`SELECT COUNT(*)::int FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%example_%' AND pid <> pg_backend_pid()`.scalar,
    mysql: () => db<number>`SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%example_%' AND id <> CONNECTION_ID()`.scalar,
    orElse: () => Effect.succeed(0)
  })
  return Math.max(lent + retired, Number(running))
})
