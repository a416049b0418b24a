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
  /** `isCounted`: a generated id may be a number that ascends. */
  constructor(readonly db: Database, readonly table: string, readonly id: string, private isCounted = false) {}

  insert(row: Row): Effect.Effect<Answer, SqlError.SqlError> {
    if (this.db.dialect.capabilities.returning) return wrote(this.inserting([row], "*"))
    return this.db.transaction(Effect.flatMap(this.inserting([row]).run, (run) => this.inserted(row, run)))
  }

  /** Several rows, answered in their order; with one statement where it can be told which is which. */
  insertMany(rows: ReadonlyArray<Row>, keyOf: (id: unknown) => Option.Option<unknown>): Effect.Effect<Answer, SqlError.SqlError> {
    if (rows.length === 1) return this.oneByOne(rows)
    const { db, id } = this
    const ids = rows.flatMap((row) => isGiven(row[id]) ? [row[id]] : [])
    const isOne = alike(rows)
    if (isOne && ids.length === 0 && this.isCounted && db.dialect.capabilities.returning) return this.counted(rows)
    return db.transaction(isOne && ids.length === rows.length ? this.given(rows, ids, keyOf) : this.oneByOne(rows))
  }

  private oneByOne(rows: ReadonlyArray<Row>): Effect.Effect<Answer, SqlError.SqlError> {
    return Effect.map(Effect.forEach(rows, (row) => this.insert(row)), joined)
  }

  // RETURNING promises no order. Ids that the server counts ascend with the rows; if they do not, nobody knows whose they are:
  // then it is undone, and done again one by one.
  private counted(rows: ReadonlyArray<Row>): Effect.Effect<Answer, SqlError.SqlError> {
    const { db, id } = this
    const ascending = Effect.filterOrFail(wrote(this.inserting(rows, "*")), (answer) => ascends(answer.rows.map((row) => row[id])), () => new Unordered())
    return Effect.catchTag(db.transaction(ascending), "Unordered", () => {
      this.isCounted = false
      return db.transaction(this.oneByOne(rows))
    })
  }

  private given(rows: ReadonlyArray<Row>, ids: ReadonlyArray<unknown>, keyOf: (id: unknown) => Option.Option<unknown>): Effect.Effect<Answer, SqlError.SqlError> {
    const written = this.db.dialect.capabilities.returning
      ? wrote(this.inserting(rows, "*"))
      : Effect.zipRight(this.inserting(rows).run, Effect.map(this.find(ids), applied))
    return Effect.flatMap(written, (answer) => {
      const own = ordered(answer, ids, this.id, keyOf)
      // The database has another spelling for some of them: a collation's, or a UUID's.
      return own.rows.length === ids.length ? Effect.succeed(own) : Effect.map(Effect.forEach(ids, (id) => this.find([id])), joined)
    })
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

const ascends = (ids: ReadonlyArray<unknown>): boolean => ids.every((id, i) => i === 0 || (ids[i - 1] as number | bigint) < (id as number | bigint))

class Unordered {
  readonly _tag = "Unordered"
}
