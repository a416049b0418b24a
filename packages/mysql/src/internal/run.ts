/**
 * Run: a statement whose whole answer is gathered, a part for each of its result sets.
 *
 * What a part means is said in `result`. Called by `wire`.
 *
 * @internal
 */
import { Answer } from "./answer.js"
import type { Unfit } from "./decode.js"
import type { DriverError } from "./driver.js"
import type { Fields } from "./fields.js"
import type { Header } from "./header.js"
import type { Text } from "./text.js"
import type { Wire } from "./wire.js"

/** A result set of an answer: rows with their fields, or the header of a statement without rows. */
export interface Part {
  readonly rows: ReadonlyArray<unknown>
  readonly fields: Fields | undefined
  /** The first value that could not be read. */
  readonly unfit: Unfit | undefined
  readonly header: Header | undefined
}

export type Done = (error: DriverError | undefined, parts: ReadonlyArray<Part>) => void

const none: ReadonlyArray<never> = []

export class Run extends Answer {
  private parts: Array<Part> = []
  private rows: Array<unknown> = []

  /** `onHeader` sees each header that came before a failure, too. */
  constructor(wire: Wire, text: Text, isPrepared: boolean, private readonly done: Done, private readonly onHeader?: (header: Header) => void) {
    super(wire, text, isPrepared)
  }

  protected header(header: Header): void {
    this.parts.push({ rows: none, fields: undefined, unfit: undefined, header })
    this.onHeader?.(header)
  }

  protected columns(fields: Fields): void {
    this.rows = []
    this.parts.push({ rows: this.rows, fields, unfit: undefined, header: undefined })
  }

  protected row(row: unknown): void {
    this.rows.push(row)
  }

  protected unfit(unfit: Unfit): void {
    this.parts.push({ ...this.parts.pop()!, unfit })
  }

  protected ended(error: DriverError | undefined): void {
    // Who is told of each header knows what was done.
    if (error === undefined) this.done(undefined, this.parts)
    else this.done(this.onHeader === undefined ? this.parted(error) : error, none)
  }
}
