/**
 * An execution of a prepared statement: the driver's command, with what repeats left out.
 *
 * The driver describes an answer's columns anew each time: seven columns are seven objects, and the search for their
 * parser. Here bytes that are those of the last answer mean the columns of the last answer. The parameters are written
 * by `packet`, the rows read by `binary`. Called by `wire`.
 *
 * @internal
 */
import { prepareFields, type Reading, type Unfit } from "./decode.js"
import * as Driver from "./driver.js"
import { Fields } from "./fields.js"
import * as Packet from "./packet.js"
import type { Prepared } from "./statements.js"
import type { Text } from "./text.js"

type Step = Driver.Step | null

/** Who takes the rows as they come, where nobody waits for all of them. */
export interface Sink {
  readonly row: (row: unknown) => void
  readonly unfit: (error: Unfit) => void
}

export class Execution extends Driver.Execute {
  /** The first value of each result set that could not be read. */
  readonly unfits: Array<Unfit | undefined> = []
  /** Rows are read no more: a sink is told of each that came, and gets none of them. */
  isDropped = false
  private prepared: Prepared | undefined = undefined
  /** The columns so far are those of the last answer. */
  private isKnown = true
  private packets: Array<Buffer> = []
  private current: Fields | undefined = undefined
  private read: ((packet: Driver.Packet) => unknown) | undefined = undefined

  constructor(private readonly text: Text, private readonly reading: Reading, private readonly to: Driver.Callback | Sink) {
    super({ sql: text.sql, values: text.values, rowsAsArray: true }, typeof to === "function" ? to : undefined)
  }

  /** To be called before it is sent. */
  of(prepared: Prepared): this {
    this.prepared = prepared
    this.statement = prepared.statement
    return this
  }

  /** The fields of an answer of one result set. */
  get fields(): Fields | undefined {
    return this._resultIndex === 0 ? this.current : undefined
  }

  override start(packet: Driver.Packet | undefined, connection: Driver.Raw): Step {
    const values = this.text.values ?? []
    if (!Driver.isUtf8(connection)) {
      this.parameters = values.map(Driver.typed)
      return super.start(packet, connection)
    }
    this._connection = connection
    connection.writePacket(Packet.execution(this.prepared!.statement.id, values, Driver.hasAttributes(connection)))
    return this.resultsetHeader
  }

  override readField(packet: Driver.Packet, connection: Driver.Raw): Step {
    const isLast = this._receivedFieldsCount + 1 === this._fieldCount
    if (this._resultIndex > 0) super.readField(packet, connection)
    else if (this.isAsBefore(packet)) {
      this._receivedFieldsCount++
      if (isLast) {
        const { fields, list } = this.prepared!.shape!
        this._fields[0] = list
        this.current = fields
        this.emit("fields", list)
      }
    } else {
      // A copy: a field is a window into its packet, and would keep all that was read from the socket with it.
      const own = Driver.copied(packet)
      this.packets.push(own.buffer.subarray(own.offset))
      super.readField(own, connection)
    }
    return isLast ? this.fieldsEOF : this.readField
  }

  // At once, where the driver waits for its next tick: whoever is resumed by this runs in a turn of his own.
  override done(): null {
    if (typeof this.to !== "function") return super.done()
    if (this._resultIndex === 0) this.to(null, this._rows[0], this._fields[0])
    else this.to(null, this._rows, this._fields)
    return null
  }

  private isAsBefore(packet: Driver.Packet): boolean {
    if (!this.isKnown) return false
    const { shape } = this.prepared!
    const at = this._receivedFieldsCount
    if (shape !== undefined && shape.list.length === this._fieldCount && isSame(packet, shape.packets[at]!)) return true
    this.isKnown = false
    if (shape !== undefined) {
      this._fields[0]!.push(...shape.list.slice(0, at))
      this.packets.push(...shape.packets.slice(0, at))
    }
    return false
  }

  override fieldsEOF(packet: Driver.Packet, connection: Driver.Raw): Step {
    if (!packet.isEOF()) return connection.protocolError("Expected EOF packet")
    if (this._resultIndex > 0 || !this.isKnown) {
      const list = this._fields[this._resultIndex]!
      prepareFields(list)
      this.current = new Fields(list)
      if (this._resultIndex === 0) this.prepared!.shape = { packets: this.packets, list, fields: this.current }
    }
    this.read = this.current!.binary(this.reading)
    return this.row
  }

  override row(packet: Driver.Packet, connection: Driver.Raw): Step {
    if (packet.isEOF()) return super.row(packet, connection)
    if (this.isDropped) {
      if (typeof this.to !== "function") this.to.row(undefined)
    } else if (this.unfits[this._resultIndex] === undefined) {
      try {
        const row = this.read!(packet)
        if (typeof this.to === "function") this._currentRows.push(row)
        else this.to.row(row)
      } catch (error) {
        this.unfits[this._resultIndex] = error as Unfit
        if (typeof this.to !== "function") this.to.unfit(error as Unfit)
      }
    }
    return this.row
  }
}

const isSame = ({ buffer, end, offset }: Driver.Packet, known: Buffer): boolean => {
  if (end - offset !== known.length) return false
  for (let i = 0; i < known.length; i++) if (buffer[offset + i] !== known[i]) return false
  return true
}
