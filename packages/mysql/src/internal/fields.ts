/**
 * Fields: the columns of a result set, and what reading its rows takes, made when it is first asked for and kept.
 *
 * @internal
 */
import type * as Connection from "@sluice/core/Connection"
import * as Binary from "./binary.js"
import * as Decode from "./decode.js"
import type { Field } from "./driver.js"

export class Fields {
  private described: ReadonlyArray<Connection.Column> | undefined = undefined
  private readonly texts: Array<Decode.Reader | undefined> = []
  private readonly binaries: Array<Binary.RowReader | undefined> = []
  private twice: string | undefined | null = null

  constructor(readonly list: ReadonlyArray<Field>) {}

  get columns(): ReadonlyArray<Connection.Column> {
    return this.described ??= Decode.columnsOf(this.list)
  }

  /** A name that two columns have. */
  get duplicate(): string | undefined {
    if (this.twice === null) {
      const names = this.list.map(({ name }) => name)
      this.twice = names.find((name, i) => names.indexOf(name) < i)
    }
    return this.twice
  }

  /** What makes of a list, as the driver reads the text protocol, a row. */
  text(reading: Decode.Reading): Decode.Reader {
    return this.texts[keyOf(reading)] ??= Decode.readerOf(this.list, reading)
  }

  /** What reads a row of the binary protocol. */
  binary(reading: Decode.Reading): Binary.RowReader {
    return this.binaries[keyOf(reading)] ??= Binary.readerOf(this.list, reading)
  }
}

// The rest of a reading is the same for all of a connection's.
const keyOf = ({ bigints, rowMode }: Decode.Reading): number => (rowMode === "object" ? 1 : rowMode === "bytes" ? 4 : 0) | (bigints ? 2 : 0)
