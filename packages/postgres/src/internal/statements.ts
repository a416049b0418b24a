/**
 * Statements: the named prepared statements of one connection, as many as may be, the least recently used given up first.
 *
 * A statement is prepared for its text and the types of its parameters; NULL fits any of them. It is known once the server
 * has parsed it, and closed in the same round trip in which another takes its place. Called by `run` and `cursor`.
 *
 * @internal
 */
import { messages } from "./messages.js"
import type { Shape } from "./shapes.js"
import { typeOf } from "./types.js"

/** A text with the types that its parameters were declared with. */
export interface Statement {
  /** Empty: the unnamed one, which the next one replaces. */
  readonly name: string
  readonly sql: string
  readonly types: ReadonlyArray<number>
  /** The server has it by its name, and this is the shape of its rows; it is `undefined` for no rows. */
  isParsed: boolean
  /** Its Parse is on its way, and not answered yet. */
  isPending: boolean
  shape: Shape | undefined
}

// A longer text is most likely made by a program, and never the same again.
const longest = 20_000

// Where somebody lends sessions to others in between, a name that two of us have would run the other's statement.
const unique = (): string => Math.floor(Math.random() * 2 ** 40).toString(36)

export class Statements {
  private readonly prefix = `sluice_${unique()}_`
  private areNamesKept = true
  private readonly known = new Map<string, Array<Statement>>()
  private size = 0
  private names = 0
  private doomed: Array<string> = []

  constructor(private readonly maximum: number) {}

  /** The statement for this text and these parameters; it is `known` to the server or must be parsed by whoever asks. `follows`: they fail with whoever is having it parsed now. */
  get(sql: string, params: ReadonlyArray<unknown>, prepare: boolean, follows: boolean): Statement {
    const isNamed = prepare && this.areNamesKept && this.maximum > 0 && sql.length <= longest
    if (!isNamed) return statementOf("", sql, params)
    const variants = this.known.get(sql)
    const found = variants?.find((one) => fits(one.types, params))
    if (found !== undefined) {
      // Whether it will be there nobody knows yet, and who does not fail with it must not need it.
      if (found.isPending && !follows) return statementOf("", sql, params)
      // Only a full cache has an order that matters.
      if (this.size * 2 > this.maximum) {
        this.known.delete(sql)
        this.known.set(sql, variants!)
      }
      return found
    }
    const statement = statementOf(`${this.prefix}${++this.names}`, sql, params)
    if (variants === undefined) this.known.set(sql, [statement])
    else variants.push(statement)
    this.size++
    this.shrink(sql)
    return statement
  }

  private shrink(but: string): void {
    for (const [sql, variants] of this.known) {
      if (this.size <= this.maximum) return
      if (sql === but && this.known.size > 1) continue
      const gone = sql === but ? variants.splice(0, this.size - this.maximum) : variants
      for (const one of gone) this.doom(one)
      this.size -= gone.length
      if (sql !== but) this.known.delete(sql)
    }
  }

  private doom(statement: Statement): void {
    if (statement.isParsed || statement.isPending) this.doomed.push(statement.name)
    statement.isParsed = false
  }

  /** Forgets a statement that the server does not have, or not as we know it. */
  forget(statement: Statement): void {
    const variants = this.known.get(statement.sql)
    const index = variants?.indexOf(statement) ?? -1
    if (index === -1) return
    this.doom(statement)
    variants!.splice(index, 1)
    this.size--
    if (variants!.length === 0) this.known.delete(statement.sql)
  }

  /** Forgets all of them, and has them closed. */
  forgetAll(): void {
    for (const variants of this.known.values()) for (const one of variants) this.doom(one)
    this.known.clear()
    this.size = 0
  }

  /** Every name is gone: the server dropped them. */
  clear(): void {
    for (const variants of this.known.values()) for (const one of variants) one.isParsed = false
    this.known.clear()
    this.size = 0
    this.doomed = []
  }

  /** A name that the server had is gone: somebody lends its sessions to others as well, and none is prepared by name any more. */
  stop(): void {
    this.areNamesKept = false
    this.clear()
  }

  /** Writes the closing of what was given up, before anything else of a round trip. */
  writeClosing(): void {
    if (this.doomed.length === 0) return
    for (const name of this.doomed.splice(0)) messages.closeStatement(name)
  }
}

const statementOf = (name: string, sql: string, params: ReadonlyArray<unknown>): Statement =>
  ({ name, sql, types: params.map(typeOf), isParsed: false, isPending: false, shape: undefined })

const fits = (types: ReadonlyArray<number>, params: ReadonlyArray<unknown>): boolean => {
  if (types.length !== params.length) return false
  for (let i = 0; i < types.length; i++) {
    const param = params[i]
    if (param !== null && param !== undefined && typeOf(param) !== types[i]) return false
  }
  return true
}
