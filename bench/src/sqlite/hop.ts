/**
 * The bare hop's other end: runs the statement of a message and answers with its values, and does nothing else.
 *
 * Started by `Overhead`.
 */
import Driver from "better-sqlite3"
import { parentPort, workerData } from "node:worker_threads"

type Request = readonly [id: number, verb: string, arg: { readonly sql: string; readonly params: ReadonlyArray<unknown> }]

const db = new Driver(String(workerData))
db.pragma("journal_mode = WAL")
const prepared = new Map<string, Driver.Statement<Array<unknown>, ReadonlyArray<unknown>>>()

const get = (sql: string, params: ReadonlyArray<unknown>): ReadonlyArray<unknown> => {
  let statement = prepared.get(sql)
  if (statement === undefined) {
    statement = db.prepare<Array<unknown>, ReadonlyArray<unknown>>(sql).raw()
    prepared.set(sql, statement)
  }
  return statement.get(...params) ?? []
}

parentPort?.on("message", ([id, , { params, sql }]: Request) => {
  const values = get(sql, params)
  parentPort?.postMessage([id, undefined, { shape: { id: 1, columns: undefined }, values, count: 1, affected: 0, lastId: undefined }, false])
})
