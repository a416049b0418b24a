/**
 * Rows: the statements of a repository, on rows as the database has them, one at a time and many at once.
 *
 * It knows no Schema. Where the dialect has no RETURNING, a row is read again in the transaction that wrote it. Called by
 * `Repository`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import type { Database } from "../../Database.js"
import * as Reason from "../../Reason.js"
import * as SqlError from "../../SqlError.js"
import type { Run, Statement } from "../../Statement.js"
import { refused } from "../client.js"
import { clientOf } from "../table/sending.js"

export type Row = Readonly<Record<string, unknown>>

/** What a statement was answered with, and what an error about it must say. */
export interface Answer {
  readonly rows: ReadonlyArray<Row>
  readonly statement: string
  readonly outcome: Reason.Outcome
}

export class Rows {
  constructor(readonly db: Database, readonly table: string, readonly id: string) {}

  insert(row: Row): Effect.Effect<Answer, SqlError.SqlError> {
    if (this.db.dialect.capabilities.returning) return wrote(this.inserting([row], "*"))
    return this.db.transaction(Effect.flatMap(this.inserting([row]).run, (run) => this.inserted(row, run)))
  }

  /** Several rows, answered in their order; with one statement where it can be told which is which. */
  insertMany(rows: ReadonlyArray<Row>, isCounted: boolean, keyOf: (id: unknown) => Option.Option<unknown>): Effect.Effect<Answer, SqlError.SqlError> {
    const { db, id } = this
    const { returning } = db.dialect.capabilities
    const ids = rows.flatMap((row) => isGiven(row[id]) ? [row[id]] : [])
    const counted = isCounted && returning && ids.length === 0
    if (rows.length === 1 || !alike(rows) || !(counted || ids.length === rows.length)) {
      const one = Effect.map(Effect.forEach(rows, (row) => this.insert(row)), joined)
      return rows.length === 1 ? one : db.transaction(one)
    }
    if (!returning) return db.transaction(Effect.zipRight(this.inserting(rows).run, Effect.map(this.find(ids), (answer) => ordered(applied(answer), ids, id, keyOf))))
    // RETURNING promises no order. Keys that the server counted ascend with the rows.
    return Effect.map(wrote(this.inserting(rows, "*")), (answer) =>
      counted ? { ...answer, rows: answer.rows.toSorted((a, b) => ascending(a[id], b[id])) } : ordered(answer, ids, id, keyOf))
  }

  insertVoid(rows: ReadonlyArray<Row>): Effect.Effect<unknown, SqlError.SqlError> {
    // Together, a column that one of them lacks would be NULL in some dialects instead of its default.
    return alike(rows) ? this.inserting(rows).run : this.db.transaction(Effect.forEach(rows, (row) => this.inserting([row]).run, { discard: true }))
  }

  update(row: Row): Effect.Effect<Answer, SqlError.SqlError> {
    if (this.db.dialect.capabilities.returning) return wrote(this.updating(row, "*"))
    return this.db.transaction(Effect.zipRight(this.updating(row).run, Effect.map(this.find([row[this.id]]), applied)))
  }

  updateVoid(row: Row): Effect.Effect<Run, SqlError.SqlError> {
    return this.updating(row).run
  }

  find(ids: ReadonlyArray<unknown>): Effect.Effect<Answer, SqlError.SqlError> {
    const { db, id, table } = this
    const [only] = ids
    return answered(ids.length === 1 ? db`SELECT * FROM ${db(table)} WHERE ${db(id)} = ${only}` : db`SELECT * FROM ${db(table)} WHERE ${db.in(id, ids)}`, "not-applied")
  }

  delete(ids: ReadonlyArray<unknown>): Effect.Effect<Run, SqlError.SqlError> {
    const { db, id, table } = this
    const [only] = ids
    return (ids.length === 1 ? db`DELETE FROM ${db(table)} WHERE ${db(id)} = ${only}` : db`DELETE FROM ${db(table)} WHERE ${db.in(id, ids)}`).run
  }

  private inserting(rows: ReadonlyArray<Row>, returning?: "*"): Statement<Row> {
    const { db, table } = this
    const values = db.insert(rows)
    return db`INSERT INTO ${db(table)} ${returning === undefined ? values : values.returning(returning)}`
  }

  private updating(row: Row, returning?: "*"): Statement<Row> {
    const { db, id, table } = this
    const set = db.update(row, [id])
    const isSuffix = db.dialect.returning === "suffix"
    return returning === undefined
      ? db`UPDATE ${db(table)} SET ${set} WHERE ${db(id)} = ${row[id]}`
      : isSuffix
      ? db`UPDATE ${db(table)} SET ${set} WHERE ${db(id)} = ${row[id]} RETURNING *`
      : db`UPDATE ${db(table)} SET ${set.returning(returning)} WHERE ${db(id)} = ${row[id]}`
  }

  private inserted(row: Row, { lastInsertId }: Run): Effect.Effect<Answer, SqlError.SqlError> {
    const id = isGiven(row[this.id]) ? row[this.id] : lastInsertId
    return id === undefined
      ? refused(clientOf(this.db), SqlError.make(
        new Reason.UnsupportedError({
          message: `${this.db.dialect.name} does not tell the value that it gave ${this.table}.${this.id}: insert it by insertVoid, or give the value`,
          capability: "returning"
        })
      ))
      : Effect.map(this.find([id]), applied)
  }
}

const answered = (statement: Statement<Row>, outcome: Reason.Outcome): Effect.Effect<Answer, SqlError.SqlError> =>
  Effect.map(statement, (rows) => ({ rows, outcome, statement: statement.compile()[0] }))

const wrote = (statement: Statement<Row>) => answered(statement, "applied")

const applied = (answer: Answer): Answer => ({ ...answer, outcome: "applied" })

const joined = (answers: ReadonlyArray<Answer>): Answer => ({ rows: answers.flatMap(({ rows }) => rows), outcome: "applied", statement: answers[0]?.statement ?? "" })

/** The rows in the order of the ids that they were given; those that are missing are left out. */
const ordered = (answer: Answer, ids: ReadonlyArray<unknown>, id: string, keyOf: (id: unknown) => Option.Option<unknown>): Answer => {
  const byKey = MutableHashMap.fromIterable(answer.rows.flatMap((row) => Option.match(keyOf(row[id]), { onNone: () => [], onSome: (key) => [[key, row] as const] })))
  return { ...answer, rows: ids.flatMap((given) => Option.toArray(Option.flatMap(keyOf(given), (key) => MutableHashMap.get(byKey, key)))) }
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null

/** Whether all rows have the same columns. */
const alike = (rows: ReadonlyArray<Row>): boolean => {
  const keys = Object.keys(rows[0] ?? {})
  return rows.every((row) => Object.keys(row).length === keys.length && keys.every((key) => key in row))
}

const ascending = (a: unknown, b: unknown): number => (a as number | bigint) < (b as number | bigint) ? -1 : 1
