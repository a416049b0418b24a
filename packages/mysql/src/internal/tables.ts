/**
 * Tables: what `Table` of core must know of MySQL and MariaDB: type names, words, the catalog.
 *
 * Pure texts. A DATETIME has no zone: it holds the wall clock of the session's time zone, as a Date that is a parameter does,
 * so that what is read depends on the offset from UTC that the database was opened with. Read by `dialect` and by the public
 * module.
 *
 * @internal
 */
import type * as Dialect from "@sluice/core/Dialect"

const typeName = ({ kind, length, precision, scale }: Dialect.ColumnType, isKey: boolean): string | { readonly refusal: string } => {
  switch (kind) {
    case "text":
      if (length !== undefined) return `VARCHAR(${length})`
      return isKey ? { refusal: "MySQL takes no text without a length into a key or an index: say Column.text(191)" } : "LONGTEXT"
    case "bytes":
      return isKey ? { refusal: "MySQL takes no bytes without a length into a key or an index: say native({ mysql: \"VARBINARY(16)\" })" } : "LONGBLOB"
    case "json":
      return isKey ? { refusal: "MySQL takes no JSON into a key or an index" } : "JSON"
    case "decimal":
      return `DECIMAL(${precision ?? 65}, ${scale ?? 30})`
    case "unknown":
      return { refusal: "MySQL has no name for this type: say it with native" }
    default:
      return names[kind]
  }
}

const names = {
  integer: "INT", bigint: "BIGINT", double: "DOUBLE", boolean: "BOOLEAN", timestamp: "DATETIME(3)", date: "DATE", uuid: "CHAR(36)"
} as const

const hex = (value: Uint8Array): string => `x'${Buffer.from(value).toString("hex")}'`

const literal = (value: unknown, offset: number): string | undefined => {
  switch (typeof value) {
    case "string":
      // Whether a backslash escapes depends on the session's sql_mode: a text with one is written as its bytes.
      return /[\\\0]/.test(value) ? `CONVERT(${hex(Buffer.from(value))} USING utf8mb4)` : `'${value.replaceAll("'", "''")}'`
    case "number":
      return Number.isFinite(value) ? String(value) : undefined
    case "bigint":
      return String(value)
    case "boolean":
      return value ? "1" : "0"
    default:
      if (value instanceof Uint8Array) return hex(value)
      if (!(value instanceof Date) || Number.isNaN(value.getTime())) return undefined
      return `'${new Date(value.getTime() + offset * 60_000).toISOString().replace("T", " ").slice(0, 23)}'`
  }
}

const zone = (offset: number): string => {
  const minutes = Math.abs(offset)
  return `${offset < 0 ? "-" : "+"}${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`
}

// A text column's may say its own.
const zoned = /:\d\d(?:\.\d+)?\s*(?:Z|[+-]\d\d(?::?\d\d)?)$/i

/** What is meant by COLUMN_TYPE of the catalog. */
const typeOf = (native: string): Dialect.ColumnType => {
  const [, name = "", first, second] = /^(\w+)(?:\((\d+)(?:,\s*(\d+))?\))?/.exec(native.toLowerCase()) ?? []
  const length = first === undefined ? undefined : Number(first)
  if (name === "tinyint" && length === 1) return { kind: "boolean" }
  if (name === "decimal") return { kind: "decimal", precision: length ?? 10, scale: Number(second ?? 0) }
  if (name === "varchar" || name === "char") return { kind: "text", length }
  // Microseconds are more than a Date holds: they stay as the server writes them.
  if (name === "datetime" || name === "timestamp") return { kind: (length ?? 0) <= 3 ? "timestamp" : "unknown" }
  return { kind: kinds[name] ?? "unknown" }
}

const kinds: Readonly<Record<string, Dialect.ColumnType["kind"]>> = {
  tinyint: "integer", smallint: "integer", mediumint: "integer", int: "integer", year: "integer", bigint: "bigint", float: "double", double: "double",
  tinytext: "text", text: "text", mediumtext: "text", longtext: "text", enum: "text", set: "text", json: "json",
  date: "date", uuid: "uuid", binary: "bytes", varbinary: "bytes", tinyblob: "bytes", blob: "bytes", mediumblob: "bytes", longblob: "bytes"
}

// By their numbers, since what a backslash in a text means depends on the session.
const [backslash, apostrophe, nul] = [92, 39, 0].map((code) => `CHAR(${code} USING utf8mb4)`)

const unescaped = (text: string): string =>
  `REPLACE(REPLACE(REPLACE(${text}, CONCAT(${backslash}, ${backslash}), ${nul}), CONCAT(${backslash}, ${apostrophe}), ${apostrophe}), ${nul}, ${backslash})`

// InnoDB does the same for both, and the servers name different ones where nothing was said.
const action = (rule: string): string => `REPLACE(${rule}, 'RESTRICT', 'NO ACTION')`

const here = "COALESCE(?, DATABASE())"

/** The tables of a database whose sessions are so many minutes from UTC. */
export const tables = (offset: number): Dialect.Tables => ({
  type: typeName,
  identity: (type) => ({ type: type.kind === "bigint" ? "BIGINT" : "INT", words: "AUTO_INCREMENT", isPrimaryKey: false }),
  literal: (value) => literal(value, offset),
  now: "CURRENT_TIMESTAMP(3)",
  emptyRow: "() VALUES ()",
  page: (limit, offset) => [
    // There is no OFFSET without LIMIT; the manual's own advice is the largest number that there is.
    ...(limit === undefined && offset === undefined ? [] : limit === undefined ? [" LIMIT 18446744073709551615"] : [" LIMIT ", limit]),
    ...(offset === undefined ? [] : [" OFFSET ", offset])
  ],
  wildcards: "%_",
  // A decimal and a text are compared as doubles, and so two that differ in their 17th digit are the same.
  cast: ({ kind, precision, scale }) => kind === "decimal" ? `DECIMAL(${precision ?? 65}, ${scale ?? 30})` : undefined,
  isOrdered: () => true,
  read: ({ kind }, value) => kind === "timestamp" && typeof value === "string" && !zoned.test(value) ? value.replace(" ", "T") + zone(offset) : value,
  isTransactional: false,
  inlineIndexes: true,
  schemasAreApart: false,
  names: (schema, name) => ({
    sql: `SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${here} AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')${
      name === undefined ? "" : " AND TABLE_NAME = ?"
    } ORDER BY TABLE_NAME`,
    params: [schema ?? null, ...(name === undefined ? [] : [name])]
  }),
  columns: (schema, name) => ({
    // MariaDB tells a default as SQL, and NULL as a word; MySQL tells the bare value, or an expression with its quotes escaped.
    sql: `SELECT c.COLUMN_NAME, c.COLUMN_TYPE, c.IS_NULLABLE = 'YES',
  CASE WHEN c.COLUMN_DEFAULT IS NULL OR (VERSION() LIKE '%MariaDB%' AND c.COLUMN_DEFAULT = 'NULL') THEN NULL
    WHEN c.EXTRA LIKE '%DEFAULT_GENERATED%' THEN ${unescaped("c.COLUMN_DEFAULT")}
    WHEN VERSION() LIKE '%MariaDB%' OR c.NUMERIC_PRECISION IS NOT NULL THEN c.COLUMN_DEFAULT
    ELSE QUOTE(c.COLUMN_DEFAULT) END,
  COALESCE((SELECT s.SEQ_IN_INDEX FROM information_schema.STATISTICS AS s
    WHERE s.TABLE_SCHEMA = c.TABLE_SCHEMA AND s.TABLE_NAME = c.TABLE_NAME AND s.INDEX_NAME = 'PRIMARY' AND s.COLUMN_NAME = c.COLUMN_NAME), 0),
  c.EXTRA LIKE '%auto_increment%'
FROM information_schema.COLUMNS AS c WHERE c.TABLE_SCHEMA = ${here} AND c.TABLE_NAME = ? ORDER BY c.ORDINAL_POSITION`,
    params: [schema ?? null, name]
  }),
  indexes: (schema, name) => ({
    // A foreign key makes an index of its own name, which it takes with it.
    sql: `SELECT s.INDEX_NAME, s.NON_UNIQUE = 0, s.COLUMN_NAME FROM information_schema.STATISTICS AS s
WHERE s.TABLE_SCHEMA = ${here} AND s.TABLE_NAME = ? AND s.INDEX_NAME <> 'PRIMARY' AND s.COLUMN_NAME IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM information_schema.TABLE_CONSTRAINTS AS k WHERE k.TABLE_SCHEMA = s.TABLE_SCHEMA AND k.TABLE_NAME = s.TABLE_NAME
    AND k.CONSTRAINT_NAME = s.INDEX_NAME AND k.CONSTRAINT_TYPE = 'FOREIGN KEY')
ORDER BY s.INDEX_NAME, s.SEQ_IN_INDEX`,
    params: [schema ?? null, name]
  }),
  foreignKeys: (schema, name) => ({
    sql: `SELECT k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, ${action("r.DELETE_RULE")}, ${action("r.UPDATE_RULE")}
FROM information_schema.KEY_COLUMN_USAGE AS k JOIN information_schema.REFERENTIAL_CONSTRAINTS AS r
  ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME
WHERE k.TABLE_SCHEMA = ${here} AND k.TABLE_NAME = ? AND k.REFERENCED_TABLE_NAME IS NOT NULL ORDER BY k.CONSTRAINT_NAME, k.ORDINAL_POSITION`,
    params: [schema ?? null, name]
  }),
  typeOf
})
