/**
 * Settings of one transaction, as row-level security reads them. Exported through `Postgres`.
 *
 * @since 0.1.0
 */
import type * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import type * as Transaction from "@sluice/core/Transaction"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { dialect } from "./internal/dialect.js"
import { foreign } from "./internal/holding.js"

/**
 * Runs an effect in a transaction in which these run-time settings hold, as SET LOCAL: what `current_setting` answers there, a
 * policy of row-level security reads.
 *
 * Names and values go as parameters, and are printed nowhere. In a transaction already it is a savepoint, and behind it the
 * settings are what they were; a setting that nobody had made is empty then. Every way out ends them: commit, failure and
 * interruption. Fails as the transaction does, and with SqlSyntaxError for a name that PostgreSQL does not know.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import { Effect } from "effect"
 *
 * // CREATE POLICY own ON orders USING (owner = current_setting('app.user', true))
 * const ordersOf = (user: string) =>
 *   Effect.flatMap(Database.Database, (db) =>
 *     db`SELECT * FROM orders`.pipe(Postgres.withSettings(db, { "app.user": user })))
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const withSettings = (
  db: Database.Database,
  settings: Readonly<Record<string, string | Redacted.Redacted>>,
  options: Transaction.Options = {}
) =>
<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError.SqlError, R> => {
  if (db.dialect.name !== dialect.name) return foreign("withSettings")
  const entries = Object.entries(settings)
  if (entries.length === 0) return db.transaction(options)(self)
  const set = (values: ReadonlyArray<string | null>) => {
    const calls = entries.map((_, i) => `current_setting($${2 * i + 1}, true), set_config($${2 * i + 1}, $${2 * i + 2}, true)`)
    return db.unsafe(`SELECT ${calls.join(", ")}`, entries.flatMap(([name], i) => [name, values[i]])).values
  }
  const values = entries.map(([, value]) => Redacted.isRedacted(value) ? Redacted.value(value) : value)
  return db.transaction(options)(Effect.gen(function*() {
    const { depth } = yield* db.currentTransaction
    const [row = []] = yield* set(values)
    const answer = yield* self
    // A transaction's end ends them; RELEASE of a savepoint does not.
    if (depth > 0) yield* set(entries.map((_, i) => row[2 * i] === null ? null : String(row[2 * i])))
    return answer
  }))
}
