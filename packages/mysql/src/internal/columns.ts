/**
 * Columns: the definitions that a server sends before rows, as fields.
 *
 * What a field's values become is `decode`'s to say. Called by `fields`.
 *
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_column_definition.html
 *
 * @internal
 */
import { binary, type Field, Type } from "./decode.js"
import { decode, encodingOf } from "./encodings.js"
import { headerSize } from "./frames.js"
import { type Bytes, Place } from "./place.js"

/**
 * The fields of definitions that follow each other, headers and all. `extended`: MariaDB says more of a type; `names`: what
 * their names are encoded in.
 */
export const fieldsOf = (definitions: Bytes, extended: boolean, names: string): ReadonlyArray<Field> => {
  const fields: Array<Field> = []
  const place = new Place(definitions, 0)
  while (place.offset < definitions.length) {
    const start = place.offset + headerSize
    const end = start + (definitions[place.offset]! | definitions[place.offset + 1]! << 8 | definitions[place.offset + 2]! << 16)
    place.offset = start
    fields.push(fieldOf(place, extended, names))
    place.offset = end
  }
  return fields
}

const fieldOf = (place: Place, extended: boolean, names: string): Field => {
  // The catalog and the schema; then table, table's own name, column, column's own name.
  place.text("latin1")
  place.text("latin1")
  const [table, orgTable, name] = [range(place), range(place), range(place)]
  place.text("latin1")
  const format = extended ? formatOf(place) : undefined
  const { buffer } = place
  // Behind the length of what follows.
  const at = place.offset + 1
  const type = buffer[at + 6]!
  // The parser is chosen by a column's type: what shall come as bytes is called a blob.
  const isBytes = type === Type.geometry || type === Type.vector
  const characterSet = buffer.readUInt16LE(at)
  const read = ([from, to]: Range): string => names === "utf8" ? buffer.utf8Slice(from, to) : decode(buffer, from, to, names)
  return {
    name: read(name),
    table: read(table),
    orgTable: read(orgTable),
    type,
    columnType: isBytes ? Type.blob : type,
    characterSet: isBytes ? binary : characterSet,
    encoding: encodingOf(characterSet),
    columnLength: buffer.readUInt32LE(at + 2),
    flags: buffer.readUInt16LE(at + 7),
    decimals: buffer[at + 9]!,
    format
  }
}

type Range = readonly [from: number, to: number]

const range = (place: Place): Range => {
  const length = place.length()
  return [place.offset, place.offset += length]
}

/** Pairs of a kind and a text; kind 1 is the format, which is `json` or none. */
const formatOf = (place: Place): string | undefined => {
  const length = place.length()
  const end = place.offset + length
  let format: string | undefined
  while (place.offset < end) {
    const kind = place.buffer[place.offset++]
    const text = place.text("latin1")
    if (kind === 1) format = text
  }
  place.offset = end
  return format
}
