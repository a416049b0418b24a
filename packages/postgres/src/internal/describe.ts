/**
 * Describe: the columns of a statement that is parsed and not run. Called by `connection`.
 *
 * @internal
 */
import type { Column } from "@sluice/core/Connection"
import type { DriverError } from "./driver.js"
import type { Bytes } from "./frames.js"
import type { Shapes } from "./shapes.js"
import { Task } from "./task.js"

export class Describe extends Task {
  private columns: ReadonlyArray<Column> = []

  constructor(private readonly shapes: Shapes, private readonly done: (columns: ReadonlyArray<Column>, error: DriverError | undefined) => void) {
    super()
  }

  override fields(bytes: Bytes, from: number, to: number): void {
    this.columns = this.shapes.of(bytes, from, to).columns
  }

  ready(): void {
    this.done(this.columns, this.fault)
  }

  lost(error: DriverError): void {
    this.done(this.columns, error)
  }
}
