/**
 * An outgoing batch: what hooks and callbacks see of one, and what the collector gets of it.
 *
 * Its text is joined when somebody reads it: a database has no use for it. Made by `shipment`.
 *
 * @internal
 */
import * as Redacted from "effect/Redacted"
import type { Batch, Metadata, Statement } from "../Batch.js"
import type { Outcome, Record } from "../QueryCollector.js"

export class Outgoing implements Batch {
  private joined: string | undefined

  constructor(
    readonly id: number,
    readonly statements: ReadonlyArray<Statement>,
    readonly bytes: number,
    readonly metadata: Metadata | undefined,
    private readonly delimiter: string
  ) {}

  get text(): string {
    return this.joined ??= this.statements.map((statement) => statement.text).join(this.delimiter) + this.delimiter
  }

  /** The same with a part of its statements. */
  of(statements: ReadonlyArray<Statement>): Outgoing {
    return statements.length === this.statements.length ? this : new Outgoing(this.id, statements, this.bytes, this.metadata, this.delimiter)
  }

  record(statements: number, outcome: Outcome, duration: number): Record {
    return {
      text: this.text,
      statements,
      bytes: this.bytes,
      metadata: this.metadata,
      outcome,
      duration,
      parameters: Redacted.make(this.statements.map((statement) => statement.params))
    }
  }
}
