/**
 * Headers: the packets in which a server says how a statement went: OK, with what it changed, EOF, and ERR.
 *
 * Called by `answer` and `wire`.
 *
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_ok_packet.html
 *
 * @internal
 */
import { type Bytes, Place } from "./place.js"

/** What a statement without rows answers. */
export interface Header {
  readonly affectedRows: number | bigint
  readonly insertId: number | bigint
  readonly info: string
  readonly status: number
  readonly warnings: number
  /** What the session's character sets have become, where they were set. */
  readonly charsets: Charsets | undefined
}

export interface Charsets {
  /** `character_set_client`: what texts are sent in. */
  readonly client?: string
  /** `character_set_results`: what the names of columns come in; empty where it is NULL. */
  readonly results?: string
  /** `character_set_connection`: what the server converts texts to. */
  readonly connection?: string
}

/** Bits of the status that every answer of the server carries. */
export const Status = { inTransaction: 1, autocommit: 2, moreResults: 8, noBackslashEscapes: 512, outParameters: 4096, stateChanged: 0x4000 } as const

/** First bytes of packets. */
export const Code = { ok: 0, infile: 0xfb, eof: 0xfe, error: 0xff } as const

/** An EOF packet is shorter; a row of the text protocol may begin with the same byte. */
export const longestEof = 8

/** An OK packet. `tracks`: the server tells of the session's state. */
export const headerOf = (bytes: Bytes, from: number, to: number, tracks: boolean): Header => {
  const place = new Place(bytes, from + 1)
  const affectedRows = place.integer()
  const insertId = place.integer()
  const status = bytes.readUInt16LE(place.offset)
  const warnings = bytes.readUInt16LE(place.offset + 2)
  place.offset += 4
  const info = place.offset >= to ? "" : tracks ? place.text("utf8") : bytes.utf8Slice(place.offset, to)
  const charsets = tracks && (status & Status.stateChanged) !== 0 && place.offset < to ? charsetsOf(place) : undefined
  return { affectedRows, insertId, info, status, warnings, charsets }
}

// Changes of the state: a kind, a length, and what it is; a system variable is its name and its value.
const charsetsOf = (place: Place): Charsets | undefined => {
  const length = place.length()
  const end = place.offset + length
  let charsets: Charsets | undefined
  while (place.offset < end) {
    const kind = place.buffer[place.offset++]
    const size = place.length()
    const next = place.offset + size
    const key = kind === 0 ? variables[place.text("utf8")] : undefined
    if (key !== undefined) charsets = { ...charsets, [key]: place.text("utf8") }
    place.offset = next
  }
  return charsets
}

const variables: Readonly<Record<string, keyof Charsets>> = { character_set_client: "client", character_set_results: "results", character_set_connection: "connection" }
