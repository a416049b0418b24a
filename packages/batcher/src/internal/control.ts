/**
 * Control: which statements begin or end a transaction, told by the first words of their texts.
 *
 * One in a batch would make a lie of what the batcher says about the others: what it calls rolled back would be committed,
 * and the other way round. What a procedure does inside of itself no text tells. Called where a statement is added.
 *
 * @internal
 */
import type * as Dialect from "@sluice/core/Dialect"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import type { Way } from "./shipment.js"

// White space and comments, with the beginning of one that MySQL runs. Each can be read in one way only: many of them cost no time.
const before = "^(?:\\s|/\\*M?!\\d*|/\\*(?!M?!)[^*]*\\*+(?:[^/*][^*]*\\*+)*/|(?:--|#)[^\\n]*(?:\\n|$))*"

const kinds = "WORK|TRAN|TRANSACTION|DEFERRED|IMMEDIATE|EXCLUSIVE|CONCURRENT|ISOLATION|READ|DEFERRABLE|NOT\\s+DEFERRABLE"

const controls = new RegExp(
  `${before}(?:(?:BEGIN|END|COMMIT|ROLLBACK|ABORT)\\s*(?:$|;|--|/\\*|#|(?:${kinds}|TO|AND|PREPARED)\\b)|START\\s+TRANSACTION\\b|(?:SAVEPOINT|RELEASE|PREPARE\\s+TRANSACTION|XA)\\b|SET\\s+(?:@@|SESSION\\s+|LOCAL\\s+)?(?:SESSION\\.)?AUTOCOMMIT\\b)`,
  "i"
)

/** Words of some letters that are none of those, and begin nearly every statement. */
const isWrite = (text: string): boolean => {
  const first = text.charCodeAt(0) | 32
  // INSERT and UPDATE.
  return first === 105 ? (text.charCodeAt(3) | 32) === 101 : first === 117 && (text.charCodeAt(1) | 32) === 112
}

/** What a statement is to the transaction of its batch: a part of it, alone in a batch without one, or refused. */
export class Control {
  private readonly commits: RegExp | undefined

  constructor(private readonly way: Way, dialect: Pick<Dialect.Dialect, "commits" | "name">) {
    this.commits = dialect.commits === undefined ? undefined : new RegExp(`${before}(?:${dialect.commits.source})`, "i")
  }

  of(text: string): "part" | "alone" | SqlError.SqlError {
    const { db, isInside, transaction } = this.way
    // What a batch is to a receiver, only the receiver knows.
    if (db === undefined || isWrite(text)) return "part"
    if (controls.test(text)) return refused(text, `it begins or ends a transaction: that is the batcher's \`transaction\`, or a batcher's inside of db.transaction`)
    if (transaction === "none" || this.commits?.test(text) !== true) return "part"
    return transaction === "all" || isInside ? refused(text, `${db.dialect.name} would commit by it what was sent before in the same transaction`) : "alone"
  }
}

const refused = (text: string, why: string): SqlError.SqlError =>
  SqlError.make(new Reason.TransactionStateError({ message: `the statement cannot be in a batch: ${why}`, operation: "batch", statement: text.slice(0, 1_000) }))
