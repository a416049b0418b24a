/**
 * The ledger: a table in the target with one row per spool, which says up to which record that spool is applied there.
 *
 * It is written in the transaction that applies the records, and only from the place that it had: so each record is applied once, whoever
 * was killed when, and where two drain one spool the second one's transaction fails. Called by `draining`.
 *
 * @internal
 */
import * as Column from "@sluice/core/Column"
import * as Condition from "@sluice/core/Condition"
import type { Database } from "@sluice/core/Database"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Table from "@sluice/core/Table"
import * as Effect from "effect/Effect"

const described = (name: string) => Table.make(name, {
  spool: Column.text(36).primaryKey(),
  applied: Column.bigint().notNull()
})

/** Opens the ledger of a spool: its table and its row are made where they are not there. */
export const open = (db: Database, table: string, spool: string): Effect.Effect<Ledger, SqlError.SqlError> => {
  const ledger = new Ledger(db, described(table), spool)
  const isThere = Effect.catchIf(
    Effect.asVoid(ledger.applied),
    // Two that begin at once make one row.
    (error) => error.reason._tag === "ResultError",
    () => SqlError.catchReason(ledger.begin, "UniqueViolation", () => Effect.void)
  )
  return Effect.as(Effect.zipRight(Table.create(db, ledger.table, { ifNotExists: true }), isThere), ledger)
}

export class Ledger {
  constructor(private readonly db: Database, readonly table: ReturnType<typeof described>, private readonly spool: string) {}

  /** How many records are applied. */
  get applied(): Effect.Effect<number, SqlError.SqlError> {
    const { db, table } = this
    return Effect.map(table.select(db).where(table.spool.eq(this.spool)).one, ({ applied }) => Number(applied))
  }

  get begin(): Effect.Effect<void, SqlError.SqlError> {
    return Effect.asVoid(this.table.insert(this.db, { spool: this.spool, applied: 0n }))
  }

  /** Moves on; to be run in the transaction that applies the records between the two places. */
  advance(from: number, to: number): Effect.Effect<void, SqlError.SqlError> {
    const { db, spool, table } = this
    return Effect.flatMap(
      table.update(db, { applied: BigInt(to) }).where(Condition.and(table.spool.eq(spool), table.applied.eq(BigInt(from)))),
      (moved) => moved === 1 ? Effect.void : SqlError.fail(new Reason.TransactionStateError({
        message: `the spool's records from ${from} on were applied by another: the ledger does not stand at ${from} any more`,
        operation: "spool"
      }))
    )
  }
}
