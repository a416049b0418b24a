/**
 * The intake: a statement that is added becomes an entry, or is refused before anything of it is sent.
 *
 * Synchronous. It knows no batch (that is the policy) and no queue (that is `buffer`). Called by the engine.
 *
 * @internal
 */
import type { Database } from "@sluice/core/Database"
import type * as Dialect from "@sluice/core/Dialect"
import * as Reason from "@sluice/core/Reason"
import type * as Sql from "@sluice/core/Sql"
import * as SqlError from "@sluice/core/SqlError"
import * as SqlScript from "@sluice/core/SqlScript"
import type { Item } from "../Batch.js"
import type { Entry } from "./buffer.js"
import { ofParameter, utf8 } from "./bytes.js"
import { Control } from "./control.js"
import type { Run } from "./run.js"
import type { Way } from "./shipment.js"
import { Texts } from "./text.js"

/** What a receiver without a dialect is taken to be: it has the standard's quotes and no limit. */
export const standard: Pick<Dialect.Dialect, "commits" | "lexicon" | "limits" | "name" | "lastIdIsFirst" | "placeholder"> = {
  name: "execute",
  placeholder: () => "?",
  lexicon: SqlScript.ansi,
  limits: { maxParameters: Number.POSITIVE_INFINITY, maxStatementBytes: Number.POSITIVE_INFINITY, maxInsertRows: Number.POSITIVE_INFINITY }
}

const none: ReadonlyArray<unknown> = []

const empty = SqlError.make(new Reason.ConfigError({ message: "statement is empty", field: "statement" }))

export class Intake {
  readonly dialect: typeof standard
  private readonly db: Database | undefined
  private readonly control: Control
  private readonly texts: Texts
  private readonly delimiter: number
  /** The text with parameters that was read last. */
  private last: { readonly given: string; readonly text: string; readonly bytes: number } | undefined

  constructor(way: Way, delimiter: string) {
    this.db = way.db
    this.dialect = way.db?.dialect ?? standard
    this.control = new Control(way, this.dialect)
    this.texts = new Texts(this.dialect.lexicon, delimiter)
    this.delimiter = utf8(delimiter)
  }

  /** Why the last statement has no entry. */
  refusal: SqlError.SqlError = empty

  /** The entry of a statement; or nothing, and `refusal` says why. */
  entry(item: Item, run: Run | undefined, settled: Entry["settled"]): Entry | undefined {
    let given = item
    let params = none
    if (typeof given !== "string") {
      const compiled = this.compiled(given)
      if (compiled instanceof SqlError.SqlError) return this.refuse(compiled)
      params = compiled[1]
      given = compiled[0]
    }
    const { texts } = this
    const text = params.length > 0 ? this.repeated(given) : texts.read(given)
    if (text === undefined) return this.refuse(texts.problem === "empty" ? empty : open(given))
    let bytes = texts.bytes + this.delimiter
    const { limits, name } = this.dialect
    // The server gets it without a delimiter.
    if (texts.bytes > limits.maxStatementBytes) return this.refuse(tooLarge(name, text, "maxStatementBytes", limits.maxStatementBytes, texts.bytes))
    if (params.length > limits.maxParameters) return this.refuse(tooLarge(name, text, "maxParameters", limits.maxParameters, params.length))
    for (let i = 0; i < params.length; i++) bytes += ofParameter(params[i])
    const control = this.control.of(text)
    if (control instanceof SqlError.SqlError) return this.refuse(control)
    return { index: -1, text, params, bytes, run, settled, entries: undefined, isAlone: control === "alone" }
  }

  // What has parameters comes again with others.
  private repeated(given: string): string | undefined {
    const { last, texts } = this
    if (last?.given === given) {
      texts.bytes = last.bytes
      return last.text
    }
    const text = texts.read(given)
    this.last = text === undefined ? undefined : { given, text, bytes: texts.bytes }
    return text
  }

  private refuse(error: SqlError.SqlError): undefined {
    this.refusal = error
    return undefined
  }

  // A fragment becomes a statement of this database, so that its names and placeholders are this dialect's (law Q4).
  private compiled(fragment: Sql.Fragment): readonly [string, ReadonlyArray<unknown>] | SqlError.SqlError {
    try {
      if (this.db !== undefined) return this.db`${fragment}`.compile()
      return isCompilable(fragment) ? fragment.compile() : unbound
    } catch (error) {
      return SqlError.isSqlError(error) ? error : SqlError.make(new Reason.UnknownError({ message: "the statement cannot be compiled", operation: "batch", outcome: "not-applied", cause: error }))
    }
  }
}

const isCompilable = (fragment: Sql.Fragment): fragment is Sql.Fragment & { readonly compile: () => readonly [string, ReadonlyArray<unknown>] } =>
  "compile" in fragment && typeof fragment.compile === "function"

const unbound = SqlError.make(new Reason.ConfigError({ message: "statement is a fragment of no database, and a batcher with execute has none to compile it for", field: "statement" }))

const open = (statement: string): SqlError.SqlError =>
  SqlError.make(new Reason.SqlSyntaxError({ message: "a string, a quoted name or a comment of the statement has no end", operation: "batch", statement: statement.slice(0, 1_000) }))

const tooLarge = (dialect: string, statement: string, limit: string, maximum: number, actual: number): SqlError.SqlError =>
  SqlError.make(new Reason.LimitError({ message: `${dialect} takes at most ${maximum} (${limit}) in one statement, this has ${actual}`, limit, maximum, actual, statement: statement.slice(0, 1_000) }))
