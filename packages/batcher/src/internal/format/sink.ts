/**
 * A sink of rows into a file: an encoder's bytes, a chunk of rows at a time.
 *
 * @internal
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Sink from "effect/Sink"
import type { FormatError } from "../../FormatError.js"
import * as Files from "./files.js"

/** What was written. */
export interface Written {
  /** Rows. */
  readonly rows: number
  /** Bytes. */
  readonly bytes: number
}

/** How rows become bytes: some of them, and what comes after the last. */
export interface Encoder<A> {
  readonly rows: (rows: ReadonlyArray<A>) => Effect.Effect<Uint8Array, FormatError>
  readonly end: Effect.Effect<Uint8Array, FormatError>
}

/** Writes rows to a file, which is whole or not there. */
export const make = <A>(
  format: FormatError["format"],
  path: string,
  encoder: Effect.Effect<Encoder<A>, FormatError>
): Sink.Sink<Written, A, never, FormatError, FileSystem.FileSystem> =>
  Sink.unwrapScoped(Effect.gen(function*() {
    const write = yield* Files.writing(format, path)
    const encode = yield* encoder
    const written = { rows: 0, bytes: 0 }
    const put = (bytes: Uint8Array) => Effect.map(write(bytes), () => {
      written.bytes += bytes.length
    })
    const each = Sink.forEachChunk((chunk: Chunk.Chunk<A>) =>
      Effect.map(Effect.flatMap(encode.rows(Chunk.toReadonlyArray(chunk)), put), () => {
        written.rows += chunk.length
      }))
    return Sink.mapEffect(each, () => Effect.map(Effect.zipRight(Effect.flatMap(encode.end, put), Files.keep(format, path)), () => ({ ...written })))
  }))
