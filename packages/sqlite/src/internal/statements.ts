/**
 * Prepared statements: the cache of one handle, and what is known of each statement.
 *
 * It runs nothing (that is `handle`). The least recently used one goes first. Called by `handle`.
 *
 * @since 0.1.0
 */
import type * as Connection from "@sluice/core/Connection"
import * as SqlLexer from "@sluice/core/SqlLexer"
import { dialect } from "./dialect.js"
import type { Raw, RawStatement } from "./driver.js"
import { Refusal } from "./fault.js"
import type { Shape } from "./protocol.js"

/** A prepared statement. */
export interface Prepared {
  readonly raw: RawStatement
  readonly sql: string
  readonly verb: string
  readonly isReader: boolean
  readonly isReadOnly: boolean
  /** Its columns are what the schema says at the moment: they are looked at again when the schema has changed. */
  readonly hasStar: boolean
  /** The schema's version when `shape` was read. */
  version: number
  shape: FullShape | undefined
  /** An INSERT into a table whose rows have a rowid: only there does SQLite tell the key. */
  givesKey: boolean | undefined
}

/** A shape with its columns. */
export interface FullShape extends Shape {
  readonly columns: ReadonlyArray<Connection.Column>
  /** A name that two columns have. */
  readonly duplicate: string | undefined
}

const schemaVerbs = new Set(["CREATE", "ALTER", "DROP", "ATTACH", "DETACH"])

const longest = 10_000

/** The cache. */
export class Statements {
  private readonly kept = new Map<string, Prepared>()
  /** The last one of a long text: such a text is most likely made by a program, and never the same again. */
  private long: Prepared | undefined

  constructor(private readonly db: Raw, private readonly size: number, private readonly shapes: Shapes) {}

  /** The statement of this text. One whose rows are being read cannot be run again, so a second one is prepared. */
  get(sql: string, keep: boolean): Prepared {
    if (sql.length > longest) return this.getLong(sql, keep)
    const found = this.kept.get(sql)
    if (found !== undefined && !found.raw.busy) {
      // A Map keeps the order of insertion; moving an entry costs 0.1 µs, so the newest is left where it is.
      if (this.kept.size > this.size / 2) {
        this.kept.delete(sql)
        this.kept.set(sql, found)
      }
      return found
    }
    const prepared = this.prepare(sql)
    if (keep && found === undefined && this.size > 0 && !schemaVerbs.has(prepared.verb)) {
      if (this.kept.size >= this.size) {
        for (const oldest of this.kept.keys()) {
          this.kept.delete(oldest)
          break
        }
      }
      this.kept.set(sql, prepared)
    }
    return prepared
  }

  private getLong(sql: string, keep: boolean): Prepared {
    const { long } = this
    if (long !== undefined && long.sql === sql && !long.raw.busy) return long
    const prepared = this.prepare(sql)
    if (keep && this.size > 0 && !schemaVerbs.has(prepared.verb)) this.long = prepared
    return prepared
  }

  /** Forgets all: the schema was changed by this connection. */
  clear(): void {
    this.kept.clear()
    this.long = undefined
  }

  /** Whether this statement changes the schema. */
  isSchemaChange(prepared: Prepared): boolean {
    return schemaVerbs.has(prepared.verb)
  }

  /** The columns as they were when somebody last asked; as they are now where the other side may have forgotten those. */
  shapeOf(prepared: Prepared): FullShape {
    return (prepared.shape = prepared.shape !== undefined && this.shapes.isRecent(prepared.shape) ? prepared.shape : this.shapes.of(prepared.raw))
  }

  /** Whether SQLite tells the key of a row that this statement inserts. */
  givesKey(prepared: Prepared): boolean {
    return (prepared.givesKey ??= insertVerbs.has(prepared.verb) && this.hasRowid(targetOf(prepared.sql)))
  }

  private prepare(sql: string): Prepared {
    // SQLite reads a text up to its first NUL: a WHERE behind it would be left out without a word.
    if (sql.includes("\0")) throw new Refusal("syntax", "the text holds a NUL, at which SQLite would end it")
    const raw: RawStatement = this.db.prepare<Array<unknown>>(sql).safeIntegers(true)
    if (raw.reader) raw.raw(true)
    return {
      raw,
      sql,
      verb: SqlLexer.classify(sql, dialect.lexicon).verb,
      isReader: raw.reader,
      isReadOnly: raw.readonly,
      hasStar: sql.includes("*"),
      version: -1,
      shape: undefined,
      givesKey: undefined
    }
  }

  // last_insert_rowid() keeps its old value for a table WITHOUT ROWID and for a view: https://sqlite.org/c3ref/last_insert_rowid.html
  private hasRowid(table: string | undefined): boolean {
    if (table === undefined) return false
    return this.db.prepare("SELECT 1 FROM pragma_table_list WHERE name = ? COLLATE NOCASE AND (wr OR type = 'view')").get(table) === undefined
  }
}

/** The shapes of one handle; they outlive a reset, as their ids are known to the other side. */
export class Shapes {
  private readonly known = new Map<string, FullShape>()
  private last = 0

  /** The columns of a statement as they are now; equal ones share one shape. */
  of(raw: RawStatement): FullShape {
    const columns = raw.columns().map((column): Connection.Column => ({
      name: column.name,
      type: column.type ?? undefined,
      nullable: undefined,
      ...size(column.type),
      table: column.table ?? undefined
    }))
    const key = JSON.stringify(columns)
    const known = this.known.get(key)
    if (known !== undefined) return known
    // Ids only grow, so the other side may forget those that lie far behind.
    if (this.known.size >= maxShapes) this.known.clear()
    const names = columns.map((column) => column.name)
    const shape: FullShape = {
      id: ++this.last,
      columns,
      duplicate: names.find((name, i) => names.indexOf(name) !== i)
    }
    this.known.set(key, shape)
    return shape
  }

  /** Whether the other side knows it for sure, if it was told. What was prepared long ago may have one that is older. */
  isRecent({ id }: FullShape): boolean {
    return id > this.last - maxShapes
  }
}

/** Shapes that a handle remembers; the other side remembers twice as many. */
export const maxShapes = 512

const insertVerbs = new Set(["INSERT", "REPLACE"])

const targetOf = (sql: string): string | undefined => {
  let after = false
  let name: string | undefined
  for (const token of SqlLexer.tokens(sql, dialect.lexicon)) {
    const text = sql.slice(token.start, token.end)
    if (token.kind === "comment") continue
    if (!after) after = token.kind === "word" && text.toUpperCase() === "INTO"
    else if (name === undefined || sql[token.start - 1] === ".") {
      if (token.kind === "word") name = text
      else if (token.kind === "name" || token.kind === "string") name = text.slice(1, -1).replaceAll(text.slice(-1).repeat(2), text.slice(-1))
    } else if (text !== ".") break
  }
  return name
}

const size = (type: string | null): Pick<Connection.Column, "precision" | "scale"> => {
  // As SQLite tells a text column: https://sqlite.org/datatype3.html#determination_of_column_affinity
  const found = type === null || /char|clob|text|blob/i.test(type) ? null : /\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)/.exec(type)
  return {
    precision: found?.[1] === undefined ? undefined : Number(found[1]),
    scale: found?.[2] === undefined ? undefined : Number(found[2])
  }
}
