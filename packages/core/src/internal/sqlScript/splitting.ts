/**
 * Splitting: the splitter driven over a text, or over a stream of texts and bytes, and what is wrong told as an error.
 *
 * Called by `SqlScript.split`.
 *
 * @internal
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import { count } from "../../Options.js"
import * as Reason from "../../Reason.js"
import * as SqlError from "../../SqlError.js"
import type { Lexicon, Piece } from "../../SqlScript.js"
import { type Problem, Splitter } from "./Splitter.js"

export const splitText = (text: string, lexicon: Lexicon): Either.Either<ReadonlyArray<Piece>, SqlError.SqlError> => {
  const splitter = new Splitter(lexicon, Number.POSITIVE_INFINITY)
  const pieces = splitter.push(text, true)
  return splitter.problem === undefined ? Either.right(pieces) : Either.left(failureOf(splitter.problem))
}

export const streamed = <E, R>(
  script: Stream.Stream<string | Uint8Array, E, R>,
  lexicon: Lexicon,
  maxLength: number | undefined
): Stream.Stream<Piece, E | SqlError.SqlError, R> =>
  Stream.unwrap(Effect.map(count("maxLength", maxLength, 2 ** 28, 1), (most) => {
    const splitter = new Splitter(lexicon, most)
    const decoder = new TextDecoder("utf-8", { fatal: true })
    let failure: SqlError.SqlError | undefined
    const taken = (parts: Iterable<string | Uint8Array>, isLast: boolean): Chunk.Chunk<Piece> => {
      const pieces: Array<Piece> = []
      try {
        for (const part of parts) {
          for (const piece of splitter.push(typeof part === "string" ? part : decoder.decode(part, { stream: true }), false)) pieces.push(piece)
        }
        if (isLast) pieces.push(...splitter.push(decoder.decode(), true))
      } catch (cause) {
        failure = SqlError.make(new Reason.DataError({ message: `a script is no UTF-8 after line ${splitter.line}`, operation: "split", line: splitter.line, cause }))
      }
      if (splitter.problem !== undefined) failure ??= failureOf(splitter.problem)
      return Chunk.unsafeFromArray(pieces)
    }
    // What was split before a failure comes before it.
    const ended = Stream.suspend(() => {
      const rest = failure === undefined ? Stream.fromChunk(taken([], true)) : Stream.empty
      return Stream.concat(rest, Stream.suspend(() => failure === undefined ? Stream.empty : Stream.fail(failure)))
    })
    return script.pipe(
      Stream.chunks,
      Stream.map((parts) => taken(parts, false)),
      Stream.takeUntil(() => failure !== undefined),
      Stream.flattenChunks,
      Stream.concat(ended)
    )
  }))

const failureOf = ({ limit, line, statement, what }: Problem): SqlError.SqlError => {
  const reason = limit === undefined
    ? new Reason.SqlSyntaxError({ message: `a ${what} that begins here ${why[what]}`, operation: "split" })
    : new Reason.LimitError({ message: `it is longer than ${limit.maximum} characters`, operation: "split", limit: "maxLength", ...limit })
  return SqlError.make(Reason.inScript(reason, statement - 1, line))
}

const isOpen = "has no end"

const why: Readonly<Record<Problem["what"], string>> = {
  string: isOpen,
  "quoted name": isOpen,
  comment: isOpen,
  statement: isOpen,
  "command of psql": "is no SQL: run the script by psql, or without it",
  "COPY from stdin": "has data behind it that is no SQL: pg_dump --inserts writes INSERTs, and Copy takes the data"
}
