/**
 * The profiles of MySQL and MariaDB. What differs between the two servers is in the texts; the dialect is one.
 *
 * @since 0.1.0
 */
import type * as Profile from "../Profile.js"
import { everywhere } from "./values.js"

// MariaDB's sequence engine: rows without a table, made one by one as they are sent.
const sequence = (n: number) => `seq_1_to_${n}`

const common = {
  // BIGINT: `integers` is about 64-bit integers, and smaller ones are always numbers.
  things: "CREATE TABLE things (id BIGINT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(191) NOT NULL UNIQUE, amount BIGINT) COLLATE utf8mb4_bin",
  // No constraint is deferred here: the same tables, whose foreign key is checked at once.
  deferred: [
    "CREATE TABLE parents (id BIGINT PRIMARY KEY)",
    "CREATE TABLE children (id BIGINT PRIMARY KEY, parent BIGINT, FOREIGN KEY (parent) REFERENCES parents (id))"
  ],
  quotesValue: "SET SESSION sql_mode = ?",
  syntaxError: "SELEC 1",
  temporary: "CREATE TEMPORARY TABLE passing (a INTEGER)",
  setting: { change: "SET SESSION group_concat_max_len = 12345", read: "SELECT @@group_concat_max_len" },
  begin: "BEGIN",
  halfway: {
    create: "CREATE PROCEDURE halfway() BEGIN INSERT INTO things (id, name) VALUES (1, 'one'); SIGNAL SQLSTATE '45000'; END",
    call: "CALL halfway()"
  },
  adding: "CREATE FUNCTION adding(n BIGINT) RETURNS BIGINT DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO things (id, name) VALUES (n, CONCAT('added ', n)); RETURN n; END",
  longStep: undefined,
  literals: ["'\\''", "'\\\\'", "\"(')\"", "'`#'", "_utf8mb4 'x'"],
  lastId: "LAST_INSERT_ID()",
  script: `INSERT INTO things (id, name) VALUES (1, 'a;b'); -- no; end
/* here; neither */ CREATE TRIGGER twin BEFORE INSERT ON things FOR EACH ROW BEGIN
  SET NEW.amount = 1;
  SET NEW.amount = NEW.amount + 1;
END;
INSERT INTO things (id, name) VALUES (2, 'c') # the; end`
} satisfies Partial<Profile.Texts>

const inMariadb: Profile.Texts = {
  ...common,
  rows: (n) => `SELECT seq AS i FROM ${sequence(n)}`,
  // A row is sent when 16 KB are full: the padding makes four rows of that.
  endless: `SELECT seq AS i, REPEAT('x', 4000) AS padding FROM ${sequence(1_000_000_000_000)} WHERE seq % 10000 = 0`,
  failsAfterFive: `SELECT CAST(CASE t.seq WHEN 6 THEN (SELECT 1 FROM seq_1_to_2 AS two WHERE two.seq + t.seq > 0) ELSE t.seq END AS SIGNED) AS i FROM ${sequence(10)} AS t`,
  // What a deadlock does to its victim, without a second session: everything is rolled back, and the answer is a failure.
  endsTransaction: "BEGIN NOT ATOMIC ROLLBACK; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'rolled back'; END"
}

// MySQL has no rows without a table but those of a recursion, which is complete before its first row is sent.
const recursion = (n: number) => `WITH RECURSIVE seq (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM seq WHERE i < ${n})`

const inMysql: Profile.Texts = {
  ...common,
  routines: ["CREATE PROCEDURE rolled_back() BEGIN ROLLBACK; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'rolled back'; END"],
  rows: (n) => `${recursion(n)} SELECT /*+ SET_VAR(cte_max_recursion_depth = ${n}) */ i FROM seq`,
  // A nested loop makes its rows as they are sent; a hash join would build half of them first.
  endless: `${recursion(1000)} SELECT /*+ NO_BNL() */ a.i, REPEAT('x', 4000) AS padding FROM seq AS a, seq AS b, seq AS c, seq AS d WHERE (c.i + d.i) % 1000 = 0`,
  failsAfterFive: `${recursion(10)} SELECT CAST(CASE i WHEN 6 THEN (SELECT 1 FROM (VALUES ROW(1), ROW(2)) AS two (n) WHERE two.n + seq.i > 0) ELSE i END AS SIGNED) AS i FROM seq`,
  endsTransaction: "CALL rolled_back()"
}

const values: ReadonlyArray<Profile.RoundTrip> = [
  ...everywhere({ bigint: "BIGINT", double: "DOUBLE", text: "TEXT", short: "VARCHAR(20)", bytes: "VARBINARY(256)", blob: "LONGBLOB" }),
  { title: "the largest 32-bit integer", type: "INTEGER", value: 2_147_483_647 },
  { title: "the largest unsigned 32-bit integer", type: "INTEGER UNSIGNED", value: 4_294_967_295 },
  { title: "a small BIGINT as bigint", type: "BIGINT", value: 1n, integers: "bigint" },
  { title: "the largest unsigned 64-bit integer", type: "BIGINT UNSIGNED", value: 18446744073709551615n, integers: "bigint" },
  { title: "the smallest float", type: "DOUBLE", value: 2.2250738585072014e-308 },
  { title: "a single-precision fraction", type: "FLOAT", value: 0.1 },
  { title: "a decimal as text", type: "DECIMAL(38, 10)", value: "12345678901234567890.1234567890" },
  { title: "a NUL inside a text", type: "TEXT", value: "a\0b" },
  { title: "an ENUM", type: "ENUM ('small', 'large')", value: "large" },
  { title: "a SET", type: "SET ('a', 'b', 'c')", value: "a,c" },
  { title: "bits", type: "BIT(12)", value: new Uint8Array([0x0a, 0xbc]) },
  { title: "a boolean", type: "BOOLEAN", value: true, expected: 1 },
  { title: "a date", type: "DATE", value: "2024-02-29" },
  { title: "a time beyond a day, with microseconds", type: "TIME(6)", value: "-838:59:58.999000" },
  { title: "a date with microseconds", type: "DATETIME(6)", value: "2024-02-29 12:34:56.789012" },
  { title: "a date with a fraction of zero", type: "DATETIME(3)", value: "2024-02-29 12:34:56.000" },
  { title: "a Date with milliseconds", type: "DATETIME(3)", value: new Date("2024-02-29T12:34:56.789Z"), expected: "2024-02-29 12:34:56.789" },
  { title: "a timestamp", type: "TIMESTAMP(6)", value: "2024-02-29 12:34:56.500000" },
  { title: "a year", type: "YEAR", value: 2024 }
]

const refused = [
  { title: "NaN", value: Number.NaN },
  { title: "infinity", value: Number.POSITIVE_INFINITY },
  { title: "a function", value: () => 1 },
  { title: "a symbol", value: Symbol("secret") },
  { title: "an integer beyond 64 bits", value: 2n ** 64n },
  { title: "half of a surrogate pair", value: "a\ud800" },
  { title: "an invalid date", value: new Date(Number.NaN) },
  { title: "a date after the year 9999", value: new Date("+010000-01-01T00:00:00Z") },
  { title: "an object", value: { a: 1 } },
  { title: "an array", value: [1, 2] }
]

const document = "{\"b\": 1, \"a\": 9007199254740993}"

const faults: Profile.FaultTexts = {
  sleep: (seconds) => `SELECT SLEEP(${seconds}) AS slept`,
  session: "SELECT CONNECTION_ID()",
  terminate: (id) => `KILL ${id}`,
  sessions: "SELECT ID AS id, COMMAND NOT IN ('Sleep', 'Killed') AND STATE <> 'login' AS running FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER NOT IN ('system user', 'event_scheduler') AND COMMAND <> 'Daemon'"
}

/** MariaDB 10.11. */
export const mariadb: Profile.Profile = {
  name: "mariadb",
  dialect: "mysql",
  // Not `lastInsertId` as the suite asks for it: of an INSERT of many rows the server tells the first key, not the last.
  has: new Set([
    "savepoints", "sessions", "streaming", "describe", "readOnlyTransactions", "concurrent", "interruption", "interruptionAmidOthers", "failedStatement",
    "endsTransaction", "server", "procedures"
  ]),
  sql: inMariadb,
  values: [...values, { title: "JSON, word for word", type: "JSON", value: document }],
  types: [
    "INTEGER", "BIGINT", "DOUBLE", "FLOAT", "DECIMAL(10, 2)", "TEXT", "VARCHAR(10)", "BLOB", "VARBINARY(10)", "BIT(3)", "JSON",
    "DATE", "TIME", "DATETIME", "TIMESTAMP NULL", "YEAR", "BOOLEAN", "ENUM ('a')", "SET ('a')", "POINT"
  ],
  refused,
  running: (db) =>
    db<number>`SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND COMMAND NOT IN ('Sleep', 'Daemon') AND ID <> CONNECTION_ID()`.scalar,
  faults,
  exempt: {}
}

/** MySQL 9, which has types of its own: JSON that is parsed, and vectors. */
export const mysql: Profile.Profile = {
  ...mariadb,
  name: "mysql",
  sql: inMysql,
  values: [
    ...values,
    { title: "JSON, its keys in the server's order", type: "JSON", value: document, expected: "{\"a\": 9007199254740993, \"b\": 1}" },
    { title: "a vector, as the bytes of its floats", type: "VECTOR(2)", value: new Uint8Array(new Float32Array([1.5, -2]).buffer) }
  ],
  types: [...mariadb.types, "VECTOR(3)"],
  // The table of the same name in information_schema is deprecated, and every reading of it is a warning.
  running: (db) =>
    db<number>`SELECT COUNT(*) FROM performance_schema.processlist WHERE DB = DATABASE() AND COMMAND NOT IN ('Sleep', 'Daemon') AND ID <> CONNECTION_ID()`.scalar,
  faults: {
    ...faults,
    sessions: "SELECT ID AS id, COMMAND NOT IN ('Sleep', 'Killed', 'Connect') AND STATE IS NOT NULL AS running FROM performance_schema.processlist WHERE ID <> CONNECTION_ID() AND USER NOT IN ('system user', 'event_scheduler') AND COMMAND <> 'Daemon'"
  }
}

/** Every way in which the suite runs this dialect. */
export const all: ReadonlyArray<Profile.Profile> = [mariadb, mysql]
