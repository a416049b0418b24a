/**
 * Statements: what a connection has prepared, found by its text.
 *
 * How many are kept, and which one goes first, is the driver's to say: it closes a statement, and it is forgotten here.
 * Called by `wire`.
 *
 * @internal
 */
import type * as Driver from "./driver.js"
import type { Fields } from "./fields.js"

/** What the columns of a statement's last answer were, as they came and as they are read. */
export interface Shape {
  readonly packets: ReadonlyArray<Buffer>
  readonly list: Array<Driver.Field>
  readonly fields: Fields
}

/** A statement that the server has prepared. */
export class Prepared {
  shape: Shape | undefined = undefined
  constructor(readonly statement: Driver.Statement, readonly key: string) {}
}

export class Statements {
  private readonly known = new Map<string, Prepared>()

  constructor(private readonly raw: Driver.Raw) {}

  /** A statement of this text; the one that was used last is closed last. */
  get(sql: string): Prepared | undefined {
    const found = this.known.get(sql)
    if (found !== undefined) this.raw._statements.get(found.key)
    return found
  }

  /** Asks the server to prepare a text. */
  prepare(sql: string, done: (error: Driver.DriverError | undefined, prepared?: Prepared) => void): void {
    const text = { sql, rowsAsArray: true } as const
    this.raw.prepare(text, (error, statement) => {
      if (error !== null || statement === undefined) return done(error ?? undefined)
      const prepared = new Prepared(statement, this.raw.constructor.statementKey(text))
      this.known.set(sql, prepared)
      const { close } = statement
      statement.close = () => {
        if (this.known.get(sql) === prepared) this.known.delete(sql)
        return close.call(statement)
      }
      done(undefined, prepared)
    })
  }
}
