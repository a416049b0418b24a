/**
 * The driver: better-sqlite3, loaded when the first connection is opened and not before.
 *
 * A missing or unfit native part is then a failure of `connect` and not of an import. Called by `handle`.
 *
 * @since 0.1.0
 */
import type BetterSqlite3 from "better-sqlite3"

/** The driver's raw handle. */
export type Raw = BetterSqlite3.Database

/** A prepared statement of the driver whose rows come as arrays. */
export type RawStatement = BetterSqlite3.Statement<Array<unknown>>

/** The driver's constructor. */
export const load = async (): Promise<typeof BetterSqlite3> => (await import("better-sqlite3")).default
