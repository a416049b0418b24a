/**
 * Decoding of rows by a RowDecoder: of a whole answer, or of rows as they come.
 *
 * What a decoder throws is a failure with the row's index, and is quoted nowhere: it may hold the row's values (law E4).
 * Called by statements, and only for those that have a decoder.
 *
 * @internal
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Column, Result, Rows } from "../../Connection.js"
import { RowDecoder, standard } from "../../RowDecoder.js"
import type * as SqlError from "../../SqlError.js"

/** A decoder with what it must be told of the statement. */
export interface Decoding {
  readonly decoder: RowDecoder
  /** A column as the user knows it. */
  readonly named: (column: Column) => Column
  /** Why a row, or the columns, could not be read. */
  readonly failure: (row: number | undefined, cause: unknown) => SqlError.SqlError
}

// Looked up on the path of every query: a tag's own key is a getter.
const { key } = RowDecoder

/** The decoder that is provided where a statement runs. */
export const provided = (context: Context.Context<never>): RowDecoder | undefined => {
  const decoder = context.unsafeMap.get(key) as RowDecoder | undefined
  return decoder === standard ? undefined : decoder
}

type Read = (rows: ReadonlyArray<unknown>, from: number) => Either.Either<ReadonlyArray<unknown>, SqlError.SqlError>

const readerOf = ({ decoder, failure, named }: Decoding, columns: ReadonlyArray<Column>): Either.Either<Read, SqlError.SqlError> =>
  Either.map(Either.try({ try: () => decoder.reader(columns.map(named)), catch: (cause) => failure(undefined, cause) }), (read): Read => (rows, from) => {
    const out = new Array<unknown>(rows.length)
    let at = 0
    try {
      for (; at < rows.length; at++) out[at] = read(rows[at] as ReadonlyArray<unknown>)
    } catch (cause) {
      return Either.left(failure(from + at, cause))
    }
    return Either.right(out)
  })

/** A whole answer. */
export const decoded = (decoding: Decoding, result: Result): Either.Either<Result, SqlError.SqlError> =>
  Either.flatMap(readerOf(decoding, result.columns), (read) => Either.map(read(result.rows, 0), (rows) => ({ ...result, rows })))

/** Rows as they come. */
export const decodedRows = (decoding: Decoding, { columns, next }: Rows): Either.Either<Rows, SqlError.SqlError> =>
  Either.map(readerOf(decoding, columns), (read) => {
    let from = 0
    return {
      columns,
      next: Effect.flatMap(next, (chunk) => {
        const rows = read(chunk, from)
        from += chunk.length
        return rows
      })
    }
  })
