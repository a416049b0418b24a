/**
 * The profiles of SQLite: a file with worker threads, a file on the caller's thread, and a database in memory.
 *
 * @since 0.1.0
 */
import type * as Profile from "../Profile.js"

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
  { title: "zero", type: "INTEGER", value: 0 },
  { title: "the largest safe integer", type: "INTEGER", value: Number.MAX_SAFE_INTEGER },
  { title: "the smallest safe integer", type: "INTEGER", value: Number.MIN_SAFE_INTEGER },
  { title: "2^53 + 1 as bigint", type: "INTEGER", value: 9007199254740993n, integers: "bigint" },
  { title: "the largest 64-bit integer", type: "INTEGER", value: 9223372036854775807n, integers: "bigint" },
  { title: "the smallest 64-bit integer", type: "INTEGER", value: -9223372036854775808n, integers: "bigint" },
  { title: "a fraction", type: "REAL", value: 0.1 },
  { title: "the smallest float", type: "REAL", value: Number.MIN_VALUE },
  { title: "the largest float", type: "REAL", value: Number.MAX_VALUE },
  { title: "a float without a fraction", type: "REAL", value: 1e300 },
  { title: "infinity", type: "REAL", value: Number.POSITIVE_INFINITY },
  { title: "a decimal as text", type: "TEXT", value: "12345678901234567890.123456789" },
  { title: "an empty text", type: "TEXT", value: "" },
  { title: "text of many scripts", type: "TEXT", value: "Grüße 日本語 עברית 😀 👩‍👩‍👧" },
  { title: "quotes and backslashes", type: "TEXT", value: "it's \"a\" \\ `test`; -- %_" },
  { title: "a NUL inside a text", type: "TEXT", value: "a\0b" },
  { title: "line ends", type: "TEXT", value: "a\r\nb\n\tc" },
  { title: "a text like a number", type: "TEXT", value: "007" },
  { title: "no byte", type: "BLOB", value: new Uint8Array(0) },
  { title: "every byte", type: "BLOB", value: Uint8Array.from({ length: 256 }, (_, i) => i) },
  { title: "a megabyte", type: "BLOB", value: new Uint8Array(1_000_000).fill(7) },
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
