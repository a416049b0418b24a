/**
 * A handle: the synchronous core that owns one raw database of the driver.
 *
 * It runs on the worker's thread, or on the caller's where there are no threads, and knows nothing of either. It
 * throws; the transports make typed failures of that. What each verb does is in `verbs`; here are the opening, the
 * waiting for locks, the cancelling between rows and the reading of rows.
 *
 * @since 0.1.0
 */
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { load, type Raw, type RawStatement } from "./driver.js"
import { codeOf, Refusal, type Phase } from "./fault.js"
import { isPrivate, type Settings } from "./options.js"
import * as Pragmas from "./pragmas.js"
import type { Chunk, Executed, Statement } from "./protocol.js"
import { type FullShape, type Prepared, Shapes, Statements } from "./statements.js"
import { append, type Value } from "./values.js"

type Setup = (db: Raw) => unknown

/** An open query. */
export interface Cursor {
  readonly iterator: Iterator<unknown>
  readonly prepared: Prepared
  readonly shape: FullShape
  readonly bigints: boolean
  /** The row that opening it fetched. */
  first: IteratorResult<unknown> | undefined
  row: number
}

/** Opens a database. */
export const open = async (settings: Settings, cell: Int32Array | undefined): Promise<Handle> => {
  const Driver = await load()
  const setup = await loadSetup(settings)
  const connect = (): Raw =>
    new Driver(settings.filename, {
      readonly: settings.readOnly,
      fileMustExist: settings.readOnly,
      // The handle waits by itself, so that a wait can be interrupted.
      timeout: 0
    })
  const handle = new Handle(connect(), connect, settings, setup, cell)
  await handle.prepareSession()
  return handle
}

/** One raw database with its statements, its open queries and the state of its session. */
export class Handle {
  /** The id of the request that is being worked on: it is cancelled when the cell has reached it. */
  current = 0
  phase: Phase = "open"
  readonly cursors = new Map<number, Cursor>()
  /** Whether BEGIN switched writing off; it is switched on again when that transaction is over. */
  queryOnly = false
  schemaChanged = false
  statements: Statements
  private readonly shapes = new Shapes()
  private changes: RawStatement
  private version: RawStatement
  private snapshot: Pragmas.Snapshot = new Map()

  constructor(
    public db: Raw,
    private readonly connect: () => Raw,
    readonly settings: Settings,
    private readonly setup: Setup | undefined,
    private readonly cell: Int32Array | undefined
  ) {
    this.statements = new Statements(db, settings.cacheSize, this.shapes)
    this.changes = changesOf(db)
    this.version = versionOf(db)
  }

  /** Whether a transaction is open, by SQLite's own word; it may have ended one by itself. */
  get inTransaction(): boolean {
    const open = this.db.open && this.db.inTransaction
    if (!open && this.queryOnly) this.writeAgain()
    return open
  }

  writeAgain(): void {
    this.queryOnly = false
    if (this.db.open) this.db.pragma(`query_only = ${this.snapshot.get("query_only") ?? 0}`)
  }

  /** What makes a raw database ours: extensions, pragmas, the user's functions. A file that is no database fails here. */
  async prepareSession(): Promise<void> {
    try {
      this.waiting(() => this.db.prepare("SELECT count(*) FROM sqlite_schema").get())
      for (const extension of this.settings.extensions) this.loadExtension(extension, "extensions")
      this.waiting(() => Pragmas.apply(this.db, this.settings))
      if (this.setup !== undefined) await runSetup(this.setup, this.db)
      this.snapshot = Pragmas.snapshot(this.db)
    } catch (error) {
      this.db.close()
      throw error
    }
  }

  /** Back to what the session was when it was opened. A file is opened afresh: nothing of a session survives that. */
  async reset(): Promise<void> {
    this.closeCursors()
    if (this.db.inTransaction) this.db.exec("ROLLBACK")
    this.queryOnly = false
    if (isPrivate(this.settings.filename)) {
      this.db.pragma("query_only = OFF")
      this.dropTemporary()
      Pragmas.restore(this.db, this.snapshot, this.settings)
      this.statements.clear()
      return
    }
    const old = this.db
    this.db = this.connect()
    old.close()
    this.statements = new Statements(this.db, this.settings.cacheSize, this.shapes)
    this.changes = changesOf(this.db)
    this.version = versionOf(this.db)
    await this.prepareSession()
  }

  close(): void {
    this.closeCursors()
    this.db.close()
  }

  isCancelled(id: number): boolean {
    return this.cell !== undefined && ((Atomics.load(this.cell, 0) - id) | 0) >= 0
  }

  check(): void {
    if (this.isCancelled(this.current)) throw interrupted()
  }

  /** Tries again while another connection holds a lock. Only for what has had no effect when it finds the lock. */
  waiting<A>(attempt: () => A): A {
    try {
      return attempt()
    } catch (error) {
      if (!isBusy(error)) throw error
      return this.waitFor(attempt, error)
    }
  }

  prepare(sql: string, keep: boolean): Prepared {
    this.phase = "prepare"
    const prepared = this.waiting(() => this.statements.get(sql, keep))
    this.phase = "step"
    return prepared
  }

  execute(statement: Statement): Executed {
    const prepared = this.prepare(statement.sql, statement.keep)
    const executed = prepared.isReader ? this.read(prepared, statement) : this.run(prepared, statement)
    if (this.statements.isSchemaChange(prepared)) this.forget()
    else if (this.schemaChanged && prepared.verb === "ROLLBACK") this.statements.clear()
    return executed
  }

  forget(): void {
    this.schemaChanged = true
    this.statements.clear()
  }

  /** Runs a statement that has no result; while queries are open the driver must be told that this is meant. */
  runRaw(prepared: Prepared, params: ReadonlyArray<Value>): { readonly changes: number; readonly lastInsertRowid: number | bigint } {
    return this.waiting(() => {
      if (this.cursors.size === 0) return prepared.raw.run(params)
      this.db.unsafeMode(true)
      try {
        return prepared.raw.run(params)
      } finally {
        this.db.unsafeMode(false)
      }
    })
  }

  /** The columns, refused where two share a name that must not. */
  shapeOf(prepared: Prepared, distinct: boolean): FullShape {
    const shape = this.statements.shapeOf(prepared)
    if (distinct && shape.duplicate !== undefined) {
      throw new Refusal("result", `two columns are named "${shape.duplicate}"`, shape.duplicate)
    }
    return shape
  }

  openCursor(statement: Statement): Cursor | undefined {
    const prepared = this.prepare(statement.sql, statement.keep)
    if (!prepared.isReader) return undefined
    this.shapeOf(prepared, statement.distinct)
    let iterator!: Iterator<unknown>
    const first = this.waiting(() => {
      iterator = prepared.raw.iterate(statement.params)
      return iterator.next()
    })
    return { iterator, prepared, shape: this.settled(prepared, statement.distinct), bigints: statement.bigints, first, row: 0 }
  }

  /** Up to `size` rows. When it is cancelled it answers with what it has: the query stays open and no row is lost. */
  pull(cursor: Cursor, size: number): Chunk {
    const values: Array<Value> = []
    let count = 0
    while (count < size && !this.isCancelled(this.current)) {
      const step = cursor.first ?? cursor.iterator.next()
      cursor.first = undefined
      if (step.done === true) return { values, count, done: true }
      append(values, rowOf(step.value), cursor.bigints, cursor.shape.columns, cursor.row++, !cursor.prepared.isReadOnly)
      count++
    }
    return { values, count, done: false }
  }

  closeCursor(id: number): void {
    const cursor = this.cursors.get(id)
    if (cursor === undefined) return
    this.cursors.delete(id)
    cursor.iterator.return?.()
  }

  closeCursors(): void {
    for (const id of [...this.cursors.keys()]) this.closeCursor(id)
  }

  /** All of `body` or nothing, in a transaction of its own or in a savepoint of the open one. */
  atomic<A>(body: () => A): A {
    const nested = this.db.inTransaction
    this.command(nested ? "SAVEPOINT \"sluice atomic\"" : this.settings.readOnly ? "BEGIN" : "BEGIN IMMEDIATE")
    try {
      const result = body()
      this.command(nested ? "RELEASE \"sluice atomic\"" : "COMMIT")
      return result
    } catch (error) {
      const phase = this.phase
      // Some failures have rolled everything back already; ROLLBACK would then hide them behind its own.
      if (this.db.inTransaction) {
        if (nested) this.command("ROLLBACK TO \"sluice atomic\"")
        this.command(nested ? "RELEASE \"sluice atomic\"" : "ROLLBACK")
      }
      this.phase = phase
      throw error
    }
  }

  /** A statement of our own: no parameters, no result. */
  command(sql: string): void {
    this.runRaw(this.prepare(sql, true), [])
  }

  loadExtension(path: string, field: string): void {
    try {
      this.db.loadExtension(path)
    } catch (error) {
      throw new Refusal("config", `an extension cannot be loaded: ${messageOf(error)}`, field, false, { cause: error })
    }
  }

  private run(prepared: Prepared, statement: Statement): Executed {
    const result = this.runRaw(prepared, statement.params)
    const inserted = result.changes > 0 && this.statements.givesKey(prepared)
    return {
      shape: undefined,
      values: [],
      count: 0,
      affected: result.changes,
      lastId: inserted ? keyOf(result.lastInsertRowid, statement.bigints) : undefined
    }
  }

  private read(prepared: Prepared, statement: Statement): Executed {
    const before = prepared.isReadOnly ? undefined : this.countChanges()
    const columns = this.shapeOf(prepared, statement.distinct).columns
    const values: Array<Value> = []
    let count = 0
    if (this.cell === undefined || before !== undefined) {
      // Nobody can interrupt it here; or it writes, and SQLite has made every change before it yields the first row.
      for (const row of this.waiting(() => prepared.raw.all(statement.params))) {
        append(values, rowOf(row), statement.bigints, columns, count++, before !== undefined)
      }
    } else {
      let iterator!: Iterator<unknown>
      let step = this.waiting(() => {
        iterator = prepared.raw.iterate(statement.params)
        return iterator.next()
      })
      try {
        for (; step.done !== true; step = iterator.next()) {
          append(values, rowOf(step.value), statement.bigints, columns, count++, false)
          this.check()
        }
      } catch (error) {
        iterator.return?.()
        throw error
      }
    }
    const shape = this.settled(prepared, statement.distinct, count === 0 ? undefined : values.length / count)
    if (before === undefined) return { shape, values, count, affected: 0, lastId: undefined }
    const after = this.countChanges()
    const affected = after.total === before.total ? 0 : after.changes
    const inserted = affected > 0 && this.statements.givesKey(prepared)
    return { shape, values, count, affected, lastId: inserted ? keyOf(after.key, statement.bigints) : undefined }
  }

  // SQLite prepares a statement again by itself when another connection has changed the schema, and `*` then has other
  // columns. Looking at the columns costs 5 µs, at the schema's version 0.8, so the version is looked at first.
  private settled(prepared: Prepared, distinct: boolean, width?: number): FullShape {
    const shape = this.shapeOf(prepared, distinct)
    if (!prepared.hasStar && (width === undefined || width === shape.columns.length)) return shape
    const version = isPrivate(this.settings.filename) ? 0 : Number(this.version.get())
    if (prepared.version === version && (width === undefined || width === shape.columns.length)) return shape
    prepared.version = version
    prepared.shape = undefined
    return this.shapeOf(prepared, distinct)
  }

  private countChanges(): { readonly total: number; readonly changes: number; readonly key: bigint } {
    const [total, changes, key] = rowOf(this.changes.get())
    return { total: Number(total), changes: Number(changes), key: typeof key === "bigint" ? key : 0n }
  }

  private waitFor<A>(attempt: () => A, first: unknown): A {
    const cell = this.cell ?? new Int32Array(new SharedArrayBuffer(4))
    const deadline = performance.now() + this.settings.busyTimeout
    let error = first
    for (let pause = 1; ; pause = Math.min(pause * 2, 25)) {
      this.check()
      const left = deadline - performance.now()
      if (left <= 0) throw error
      // Woken early when the cell changes: an interruption does not wait for the pause to end.
      Atomics.wait(cell, 0, Atomics.load(cell, 0), Math.min(pause, left))
      try {
        return attempt()
      } catch (again) {
        if (!isBusy(again)) throw again
        error = again
      }
    }
  }

  private dropTemporary(): void {
    const quote = (name: unknown): string => `"${String(name).replaceAll("\"", "\"\"")}"`
    this.db.pragma("foreign_keys = OFF")
    for (const type of ["trigger", "view", "table"]) {
      const found = this.db.prepare("SELECT name FROM sqlite_temp_schema WHERE type = ? AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'").raw().all(type)
      for (const row of found) this.db.exec(`DROP ${type} IF EXISTS temp.${quote(rowOf(row)[0])}`)
    }
    for (const row of this.db.prepare("SELECT name FROM pragma_database_list WHERE seq > 1").raw().all()) {
      this.db.exec(`DETACH ${quote(rowOf(row)[0])}`)
    }
  }
}

const interrupted = (): Refusal => new Refusal("interrupted", "the statement was interrupted")

const isBusy = (error: unknown): boolean => {
  const code = codeOf(error)
  // A snapshot that is out of date stays so, however long one waits.
  return code === "SQLITE_BUSY" || code === "SQLITE_BUSY_RECOVERY" || code === "SQLITE_BUSY_TIMEOUT"
}

const keyOf = (key: number | bigint, bigints: boolean): number | bigint | undefined => {
  if (bigints) return BigInt(key)
  const number = Number(key)
  // The row is in; a key that a number cannot hold is not told, rather than told wrong.
  return Number.isSafeInteger(number) ? number : undefined
}

const rowOf = (row: unknown): ReadonlyArray<Value> => Array.isArray(row) ? row : []

const changesOf = (db: Raw): RawStatement =>
  db.prepare<Array<unknown>>("SELECT total_changes(), changes(), last_insert_rowid()").safeIntegers(true).raw()

const versionOf = (db: Raw): RawStatement => db.prepare<Array<unknown>>("PRAGMA schema_version").pluck()

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

const loadSetup = async (settings: Settings): Promise<Setup | undefined> => {
  if (settings.setup === undefined) return undefined
  try {
    const isUrl = /^[a-z]{2,}:/i.test(settings.setup)
    const path = isUrl ? settings.setup : existsSync(settings.setup) ? pathToFileURL(resolve(settings.setup)).href : settings.setup
    const module: { readonly default?: unknown } = await import(path)
    const setup = module.default
    if (typeof setup !== "function") throw new Error("it has no default export that is a function")
    return (db) => Reflect.apply(setup, undefined, [db])
  } catch (error) {
    throw new Refusal("config", `the setup module cannot be loaded: ${messageOf(error)}`, "setup", false, { cause: error })
  }
}

const runSetup = async (setup: Setup, db: Raw): Promise<void> => {
  try {
    await setup(db)
  } catch (error) {
    throw new Refusal("config", `the setup module failed: ${messageOf(error)}`, "setup", false, { cause: error })
  }
}
