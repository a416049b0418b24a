/**
 * Tables: what `Table` of core must know of SQLite: its type names, its words, its catalog.
 *
 * Pure texts. The name of a type decides the column's affinity here (https://sqlite.org/datatype3.html), and a value that
 * looks like a number becomes one in a NUMERIC column: so decimals and JSON are called TEXT, and keep every digit. Read by
 * `dialect`.
 *
 * @internal
 */
import type * as Dialect from "@sluice/core/Dialect"

const names: Readonly<Record<Dialect.ColumnType["kind"], string | undefined>> = {
  integer: "INTEGER",
  bigint: "BIGINT",
  double: "DOUBLE",
  decimal: "DECIMAL_TEXT",
  text: "TEXT",
  boolean: "BOOLEAN",
  timestamp: "TIMESTAMP_TEXT",
  date: "DATE_TEXT",
  uuid: "UUID_TEXT",
  bytes: "BLOB",
  json: "JSON_TEXT",
  unknown: undefined
}

const digits = ({ kind, precision, scale }: Dialect.ColumnType): string =>
  kind === "decimal" && precision !== undefined ? `(${precision}, ${scale ?? 0})` : ""

const text = (value: string): string =>
  // A NUL ends a text of SQL: such a one is written as its bytes.
  value.includes("\0") ? `CAST(${bytes(new TextEncoder().encode(value))} AS TEXT)` : `'${value.replaceAll("'", "''")}'`

const bytes = (value: Uint8Array): string => `x'${Buffer.from(value).toString("hex")}'`

// With no schema the pragmas look into temp, main and what is attached, in this order.
const of = (schema: string | undefined, name: string): ReadonlyArray<unknown> => schema === undefined ? [name] : [name, schema]
const marks = (schema: string | undefined): string => schema === undefined ? "?" : "?, ?"

/** What is meant by a type's name, in the words of whoever wrote it: ours, and those of others. */
const typeOf = (native: string): Dialect.ColumnType => {
  const [, word = "", , first, second] = /^\s*([A-Za-z0-9_ ]*?)\s*(\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*$/.exec(native) ?? []
  const name = word.toUpperCase()
  const kind = kinds[name]
  if (kind === "decimal") return { kind, precision: first === undefined ? undefined : Number(first), scale: first === undefined ? undefined : Number(second ?? 0) }
  if (kind !== undefined) return { kind }
  if (/CHAR|CLOB/.test(name)) return { kind: "text", length: first === undefined ? undefined : Number(first) }
  if (name.includes("INT")) return { kind: "integer" }
  if (name.includes("TEXT")) return { kind: "text" }
  if (name.includes("BLOB")) return { kind: "bytes" }
  return /REAL|FLOA|DOUB/.test(name) ? { kind: "double" } : { kind: "unknown" }
}

const kinds: Readonly<Record<string, Dialect.ColumnType["kind"]>> = {
  BIGINT: "bigint", DECIMAL_TEXT: "decimal", BOOLEAN: "boolean", BOOL: "boolean", TIMESTAMP_TEXT: "timestamp", TIMESTAMP: "timestamp",
  DATETIME: "timestamp", DATE_TEXT: "date", DATE: "date", UUID_TEXT: "uuid", JSON_TEXT: "json", JSON: "json"
}

/** The tables of SQLite. */
export const tables: Dialect.Tables = {
  type: (type) => {
    // A length would be read by nobody: SQLite does not enforce it. CHAR makes it a text's name all the same.
    if (type.kind === "text" && type.length !== undefined) return `VARCHAR(${type.length})`
    const name = names[type.kind]
    return name === undefined ? { refusal: "SQLite has no name for this type: say it with native" } : name + digits(type)
  },
  // Only this very name makes the column the rowid; AUTOINCREMENT keeps the key of a deleted row from being given again.
  identity: () => ({ type: "INTEGER", words: "PRIMARY KEY AUTOINCREMENT", isPrimaryKey: true }),
  literal: (value) => {
    switch (typeof value) {
      case "string":
        return text(value)
      case "number":
        return Number.isFinite(value) ? String(value) : undefined
      case "bigint":
        return String(value)
      case "boolean":
        return value ? "1" : "0"
      default:
        if (value instanceof Uint8Array) return bytes(value)
        return value instanceof Date && !Number.isNaN(value.getTime()) ? text(value.toISOString()) : undefined
    }
  },
  now: "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
  emptyRow: "DEFAULT VALUES",
  page: (limit, offset) => [
    ...(limit === undefined && offset === undefined ? [] : [" LIMIT ", limit ?? -1]),
    ...(offset === undefined ? [] : [" OFFSET ", offset])
  ],
  wildcards: "%_",
  cast: () => undefined,
  // A decimal is kept as its text: 9 would come after 10.
  isOrdered: ({ kind }) => kind !== "decimal",
  read: (_, value) => value,
  isTransactional: true,
  inlineIndexes: false,
  schemasAreApart: true,
  names: (schema, name) => ({
    sql: `SELECT name FROM pragma_table_list WHERE schema = ? AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite!_%' ESCAPE '!'${
      name === undefined ? "" : " AND name = ? COLLATE NOCASE"
    } ORDER BY name`,
    params: [schema ?? "main", ...(name === undefined ? [] : [name])]
  }),
  columns: (schema, name) => ({
    // The rowid's other name counts by itself: the only key, of exactly this type, in a table that has a rowid.
    sql: `SELECT c.name, c.type, c."notnull" = 0 AND c.pk = 0, c.dflt_value, c.pk,
  c.pk = 1 AND upper(c.type) = 'INTEGER' AND (SELECT count(*) FROM pragma_table_xinfo(${marks(schema)}) WHERE pk > 0) = 1
    AND (SELECT wr FROM pragma_table_list WHERE name = ? COLLATE NOCASE AND schema = ?) = 0
FROM pragma_table_xinfo(${marks(schema)}) AS c WHERE c.hidden <> 1 ORDER BY c.cid`,
    params: [...of(schema, name), name, schema ?? "main", ...of(schema, name)]
  }),
  indexes: (schema, name) => ({
    // Neither the key's, nor one of an expression or of some rows only, which is no promise about columns.
    sql: `SELECT i.name, i."unique", c.name FROM pragma_index_list(${marks(schema)}) AS i JOIN pragma_index_info(i.name${schema === undefined ? "" : ", ?"}) AS c
WHERE i.origin <> 'pk' AND i.partial = 0 AND NOT EXISTS (SELECT 1 FROM pragma_index_info(i.name) AS e WHERE e.name IS NULL)
ORDER BY i.name, c.seqno`,
    params: [...of(schema, name), ...(schema === undefined ? [] : [schema])]
  }),
  foreignKeys: (schema, name) => ({
    // Without a column of the other table its primary key is meant.
    sql: `SELECT f.id, f."from", f."table", coalesce(f."to", (SELECT p.name FROM pragma_table_info(f."table") AS p WHERE p.pk = f.seq + 1)), f.on_delete, f.on_update
FROM pragma_foreign_key_list(${marks(schema)}) AS f ORDER BY f.id DESC, f.seq`,
    params: of(schema, name)
  }),
  typeOf
}
