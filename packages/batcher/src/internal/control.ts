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
import * as SqlScript from "@sluice/core/SqlScript"
import type { Way } from "./shipment.js"

const kinds = "WORK|TRAN|TRANSACTION|DEFERRED|IMMEDIATE|EXCLUSIVE|CONCURRENT|ISOLATION|READ|DEFERRABLE|NOT\\s+DEFERRABLE|TO|AND|PREPARED"

const controls = new RegExp(
  `(?:BEGIN|END|COMMIT|ROLLBACK|ABORT)\\s*(?:$|;|--|/\\*|#|(?:${kinds})\\b)|START\\s+TRANSACTION\\b|(?:SAVEPOINT|RELEASE|PREPARE\\s+TRANSACTION|XA)\\b|SET\\s+(?:@@|SESSION\\s+|LOCAL\\s+)?(?:SESSION\\.)?AUTOCOMMIT\\b`,
  "iy"
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
  private readonly lexer: SqlScript.Lexer

  constructor(private readonly way: Way, { commits, lexicon }: Pick<Dialect.Dialect, "commits" | "lexicon">) {
    this.commits = commits === undefined ? undefined : new RegExp(commits.source, "iy")
    this.lexer = SqlScript.lexer(lexicon)
  }

  of(text: string): "part" | "alone" | SqlError.SqlError {
    const { db, isInside, transaction } = this.way
    // What a batch is to a receiver, only the receiver knows.
    if (db === undefined || isWrite(text)) return "part"
    const at = this.firstWord(text)
    if (begins(text, at, controls)) return refused(text, `it begins or ends a transaction: that is the batcher's \`transaction\`, or a batcher's inside of db.transaction`)
    if (transaction === "none" || this.commits === undefined || !begins(text, at, this.commits)) return "part"
    return transaction === "all" || isInside ? refused(text, `${db.dialect.name} would commit by it what was sent before in the same transaction`) : "alone"
  }

  /** Where the first word is: behind comments, or inside of one that MySQL runs. */
  private firstWord(text: string): number {
    const { lexer } = this
    let at = 0
    while (lexer.read(text, at)) {
      if (lexer.kind !== "comment" && (lexer.kind !== "symbol" || lexer.end - lexer.start < 3)) return lexer.start
      at = lexer.end
    }
    return at
  }
}

const begins = (text: string, at: number, words: RegExp): boolean => {
  words.lastIndex = at
  return words.test(text)
}

const refused = (text: string, why: string): SqlError.SqlError =>
  SqlError.make(new Reason.TransactionStateError({ message: `the statement cannot be in a batch: ${why}`, operation: "batch", statement: text.slice(0, 1_000) }))
