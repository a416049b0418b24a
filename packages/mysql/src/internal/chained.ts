/**
 * Chained: a text that would end the transaction that is open and begin another, which nothing would show afterwards.
 *
 * The server commits in silence, and its status says that a transaction is open, as before (law T7). So the words of a text are
 * looked at before it is sent, whatever comments stand around and between them. What a procedure does is not seen. Called by
 * `connection`, inside of a transaction only.
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as SqlScript from "@sluice/core/SqlScript"
import * as Either from "effect/Either"
import { lexiconOf } from "./dialect.js"

// Behind white space and comments; the server runs what is in one that begins with an exclamation mark. A text of any length is
// told by its beginning.
const mayBe = /^(?:[\s;]|\/\*M?!\d*|\*\/|\/\*(?!M?!)[^*]*\*+(?:[^/*][^*]*\*+)*\/|#[^\n]*(?:\n|$)|--(?=\s)[^\n]*(?:\n|$))*(?:BEGIN|START|COMMIT|ROLLBACK|SET\b[^]{0,200}?\bSTATEMENT)\b/i

// BEGIN NOT ATOMIC is a compound statement, and ROLLBACK TO a savepoint's.
const begins = /^(?:SET STATEMENT .*FOR )?(?:BEGIN(?: WORK)?|START TRANSACTION(?: .*)?|(?:COMMIT|ROLLBACK)(?: WORK)? AND CHAIN(?: .*)?)$/

/** Why a text is not sent; `isSeveral`: it may hold several statements. */
export const chained = (sql: string, backslashes: boolean, isSeveral: boolean): SqlError.SqlError | undefined => {
  const texts = isSeveral && sql.includes(";") ? Either.getOrElse(SqlScript.split(sql, lexiconOf(backslashes)), () => []).map(({ text }) => text) : [sql]
  return texts.some((text) => mayBe.test(text) && begins.test(wordsOf(text, backslashes))) ? refusal(sql) : undefined
}

const wordsOf = (sql: string, backslashes: boolean): string =>
  SqlScript.tokens(sql, lexiconOf(backslashes)).filter(({ kind }) => kind === "word").map(({ end, start }) => sql.slice(start, end).toUpperCase()).join(" ")

const refusal = (statement: string): SqlError.SqlError =>
  SqlError.make(new Reason.TransactionStateError({
    message: "this text would end the transaction that is open and begin another, unseen",
    operation: "execute",
    statement
  }))
