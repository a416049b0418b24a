/**
 * A profile: what the suite must know of one dialect to ask it everything. Texts and tables, no connection.
 *
 * It claims no capability: what a dialect must be able to do stands in `capabilities`, which the suite holds. Written
 * once per dialect and per way to run it, read by the suite and by `promises`.
 *
 * @since 0.1.0
 */
import type * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import type * as Effect from "effect/Effect"
import type * as Law from "./Law.js"

/**
 * The SQL of named things, where dialects differ. Everything else the suite writes itself, in the SQL that all have.
 *
 * @example
 * ```ts
 * import type { Profile } from "@sluice/testkit"
 *
 * const endless = (texts: Profile.Texts) => texts.endless
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Texts {
  /** A table `things (id: integer, primary key; name: text, not null, unique; amount: integer)`. */
  readonly things: string
  /** Routines that the other texts call, where a dialect needs one; they are made with `things`. */
  readonly routines?: ReadonlyArray<string>
  /** Tables `parents (id)` and `children (id, parent)`, whose foreign key is checked at COMMIT; in order of creation. */
  readonly deferred: ReadonlyArray<string>
  /** A query of `n` rows with one column `i` from 1. */
  readonly rows: (n: number) => string
  /** A query without end that gives a row now and then, so that it can be stopped as `capabilities.cancel` says. */
  readonly endless: string
  /** Five rows, then a failure while the sixth is made. */
  readonly failsAfterFive: string
  /** A statement with one parameter, a text, whose failure the server words with that text in it. */
  readonly quotesValue: string | undefined
  /** A text that does not parse. */
  readonly syntaxError: string
  /** Makes a temporary table `passing`. */
  readonly temporary: string
  /** A session's setting: the text that changes it, and the query that reads it as one value. */
  readonly setting: { readonly change: string; readonly read: string }
  /** The text that begins a transaction. */
  readonly begin: string
  /** A statement after which the server has rolled the whole transaction back by itself, with a failure; `things` has a row 1. */
  readonly endsTransaction: string | undefined
  /** A query, and a write into `things`, of a few seconds in a single step that cannot be stopped. */
  readonly longStep: { readonly read: string; readonly write: string } | undefined
  /** A script of three statements, with a semicolon in a string, a comment and, where there are, in a trigger's body. */
  readonly script: string
  /** Texts in every form that the dialect has beside `'…'`, with what may end them too early inside. */
  readonly literals: ReadonlyArray<string>
  /** The key that the session's last INSERT generated, as an expression. */
  readonly lastId: string
  /**
   * A procedure `halfway` that inserts 1 into `things`, for good where it is called outside of a transaction, and then fails; and the
   * text that calls it.
   */
  readonly halfway?: { readonly create: string; readonly call: string }
  /** Makes a function `adding(n)` that inserts `n` into `things` with a name of its own, and answers with `n`. */
  readonly adding?: string
  /** A query that answers with its one parameter as a float, where a bare parameter is something else. */
  readonly float?: string
}

/**
 * The SQL by which the fault cases ask a server about its sessions, and end them.
 *
 * @example
 * ```ts
 * import type { Profile } from "@sluice/testkit"
 *
 * const faults: Profile.FaultTexts = {
 *   sleep: (seconds) => `SELECT pg_sleep(${seconds})`,
 *   session: "SELECT pg_backend_pid()",
 *   terminate: (id) => `SELECT pg_terminate_backend(${id})`,
 *   sessions: "SELECT pid AS id, state = 'active' AS running FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface FaultTexts {
  /** A query that takes so many seconds on the server, and that the server can stop. */
  readonly sleep: (seconds: number) => string
  /** The server's id of the session that asks, as one value. */
  readonly session: string
  /** Ends the session with this id. */
  readonly terminate: (id: number) => string
  /** Every other session of a client: its `id`, and whether a statement of it is `running` (a boolean or 0 and 1). */
  readonly sessions: string
}

/**
 * One value that must come back as it went in.
 *
 * @example
 * ```ts
 * import type { Profile } from "@sluice/testkit"
 *
 * const utf8: Profile.RoundTrip = { title: "an emoji", type: "TEXT", value: "😀" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface RoundTrip {
  /** What the value is, in words. */
  readonly title: string
  /** The column's type. */
  readonly type: string
  /** What goes in as a parameter. */
  readonly value: unknown
  /** What comes back, where the dialect has another form for it. */
  readonly expected?: unknown
  /** The type of integers that the value is read with; default is the database's. */
  readonly integers?: "number" | "bigint"
}

/**
 * What a case may need. A dialect's capabilities by their names, and what depends on how it is run: `concurrent` is a
 * second connection beside the first, `interruption` a fiber that runs on while a statement does, `failedStatement` a
 * transaction that goes on after one of its statements failed, `migrations` that `withTransaction` goes on after DDL, and
 * `eventJournal` the SQL that SqlEventJournal of @effect/sql writes.
 *
 * @example
 * ```ts
 * import type { Profile } from "@sluice/testkit"
 *
 * const needs: ReadonlyArray<Profile.Need> = ["savepoints", "concurrent"]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Need =
  | "savepoints"
  | "sessions"
  | "streaming"
  | "returning"
  | "describe"
  | "lastInsertId"
  | "readOnlyTransactions"
  | "statementsBesideStream"
  | "concurrent"
  | "interruption"
  | "interruptionAmidOthers"
  | "failedStatement"
  /** It has procedures that may leave a part of their work where they fail: `sql.halfway`. */
  | "procedures"
  | "endsTransaction"
  | "longStep"
  | "longStepBesideOthers"
  | "deferredConstraints"
  | "server"
  | "migrations"
  | "eventJournal"

/**
 * A dialect as the suite sees it.
 *
 * @example
 * ```ts
 * import { sqlite } from "@sluice/testkit/profiles/sqlite"
 *
 * sqlite.name // "sqlite, a file"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Profile {
  /** Names it among the profiles of its dialect. */
  readonly name: string
  /** The row of `capabilities` that it must fulfil. */
  readonly dialect: string
  /** The needs of cases that it fulfils. */
  readonly has: ReadonlySet<Need>
  /** Its SQL for named things. */
  readonly sql: Texts
  /** The values that must come back as they went in (law Q1). */
  readonly values: ReadonlyArray<RoundTrip>
  /** Types of columns that must hold a NULL. */
  readonly types: ReadonlyArray<string>
  /** Values that the dialect cannot store. */
  readonly refused: ReadonlyArray<{ readonly title: string; readonly value: unknown }>
  /** How many statements of ours the server still runs, where it can be asked. */
  readonly running?: (db: Database.Database) => Effect.Effect<number, SqlError.SqlError>
  /** What the fault cases ask, where the dialect has a server. */
  readonly faults?: FaultTexts
  /** Laws that do not apply, each with its reason. */
  readonly exempt: Partial<Readonly<Record<Law.Law, string>>>
}
