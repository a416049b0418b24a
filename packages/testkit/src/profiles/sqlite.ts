/**
 * The profiles of SQLite: a file with worker threads, a file on the caller's thread, and a database in memory.
 *
 * @since 0.1.0
 */
import type * as Profile from "../Profile.js"
import { everywhere } from "./values.js"

const counting = (bound: string) => `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n ${bound})`

// Twenty million steps: about two seconds, and no row before the end.
const long = counting("LIMIT 20000000")

const sql: Profile.Texts = {
  things: "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, amount INTEGER)",
  deferred: [
    "CREATE TABLE parents (id INTEGER PRIMARY KEY)",
    "CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)"
  ],
  rows: (n) => `${counting(`LIMIT ${n}`)} SELECT i FROM n`,
  endless: `${counting("")} SELECT i FROM n WHERE i % 10000 = 0`,
  failsAfterFive: `${counting("LIMIT 10")} SELECT CASE i WHEN 6 THEN abs(-9223372036854775807 - 1) ELSE i END AS i FROM n`,
  quotesValue: "SELECT json_extract('{}', ?)",
  syntaxError: "SELEC 1",
  temporary: "CREATE TEMPORARY TABLE passing (a INTEGER)",
  setting: { change: "PRAGMA recursive_triggers = ON", read: "PRAGMA recursive_triggers" },
  begin: "BEGIN",
  endsTransaction: "INSERT OR ROLLBACK INTO things (id, name) VALUES (1, 'again')",
  longStep: { read: `${long} SELECT count(*) FROM n`, write: `INSERT INTO things (id, name) ${long} SELECT 999, 'long' FROM n WHERE i = 20000000` },
  literals: ["'\\'", "'`[\"'"],
  lastId: "last_insert_rowid()",
  script: `INSERT INTO things (id, name) VALUES (1, 'a;b'); -- no; end
/* here; neither */ CREATE TRIGGER twin AFTER INSERT ON things WHEN new.id < 100 BEGIN
  INSERT INTO things (id, name) VALUES (new.id + 100, new.name || '!');
END;
INSERT INTO things (id, name) VALUES (2, 'c')`
}

const values: ReadonlyArray<Profile.RoundTrip> = [
  ...everywhere({ bigint: "INTEGER", double: "REAL", text: "TEXT", short: "TEXT", bytes: "BLOB", blob: "BLOB" }),
  { title: "the smallest float", type: "REAL", value: Number.MIN_VALUE },
  { title: "infinity", type: "REAL", value: Number.POSITIVE_INFINITY },
  { title: "a decimal as text", type: "TEXT", value: "12345678901234567890.123456789" },
  { title: "a NUL inside a text", type: "TEXT", value: "a\0b" },
  { title: "a boolean", type: "INTEGER", value: true, expected: 1 },
  { title: "a date with milliseconds", type: "TEXT", value: new Date("2024-02-29T12:34:56.789Z"), expected: "2024-02-29T12:34:56.789Z" }
]

const refused = [
  { title: "NaN", value: Number.NaN },
  { title: "a function", value: () => 1 },
  { title: "a symbol", value: Symbol("secret") },
  { title: "an integer beyond 64 bits", value: 2n ** 63n },
  { title: "half of a surrogate pair", value: "a\ud800" },
  { title: "an invalid date", value: new Date(Number.NaN) },
  { title: "an object", value: { a: 1 } },
  { title: "an array", value: [1, 2] }
]

const always: ReadonlyArray<Profile.Need> = [
  "savepoints", "sessions", "streaming", "returning", "describe", "lastInsertId", "readOnlyTransactions",
  "statementsBesideStream", "failedStatement", "endsTransaction", "deferredConstraints",
  "migrations", "eventJournal"
]

const profile = (name: string, more: ReadonlyArray<Profile.Need>): Profile.Profile => ({
  name,
  dialect: "sqlite",
  has: new Set([...always, ...more]),
  sql,
  values,
  types: ["INTEGER", "REAL", "TEXT", "BLOB", "NUMERIC"],
  refused,
  exempt: {
    S3: "the database is inside the process: it cannot die alone"
  }
})

/** A file, with worker threads. */
export const sqlite: Profile.Profile = profile("sqlite, a file", ["concurrent", "interruption", "interruptionAmidOthers", "longStep", "longStepBesideOthers"])

/** A file, on the caller's thread: a statement that runs stops the event loop, so that nothing can interrupt it. */
export const sqliteInline: Profile.Profile = profile("sqlite, without threads", ["concurrent"])

/** In memory: one connection for everything. */
export const sqliteMemory: Profile.Profile = profile("sqlite, in memory", ["interruption", "longStep"])

/** Every way in which the suite runs SQLite. */
export const all: ReadonlyArray<Profile.Profile> = [sqlite, sqliteInline, sqliteMemory]
