/**
 * Flights: three million real ones, out of a Parquet file, as a Stream of rows; and a tally to compare by.
 *
 * It knows no database. Called by `quickstart`.
 */
import { Chunk, Data, Effect, Option, Stream } from "effect"
import { asyncBufferFromFile, parquetMetadataAsync, parquetRead } from "hyparquet"
import { compressors } from "hyparquet-compressors"
import { fileURLToPath } from "node:url"

/** A flight: when it left (milliseconds since 1970), minutes of delay, miles, from where, to where. */
export interface Flight {
  readonly departure: number
  readonly delay: number
  readonly distance: number
  readonly origin: string
  readonly destination: string
}

export class ParquetError extends Data.TaggedError("ParquetError")<{ readonly message: string }> {}

// The package exports its code only; its data lie beside that.
const path = fileURLToPath(new URL("../data/flights-3m.parquet", import.meta.resolve("vega-datasets")))

const attempt = <A>(work: () => Promise<A>): Effect.Effect<A, ParquetError> =>
  Effect.tryPromise({ try: work, catch: (cause) => new ParquetError({ message: `${path}: ${String(cause)}` }) })

/** How many flights the file holds, and a stream of the first `limit` of them, a row group at a time. */
export const read = (limit: number): Effect.Effect<{ readonly total: number; readonly flights: Stream.Stream<Flight, ParquetError> }, ParquetError> =>
  Effect.gen(function*() {
    const file = yield* attempt(() => asyncBufferFromFile(path))
    const metadata = yield* attempt(() => parquetMetadataAsync(file))
    const total = Math.min(limit, Number(metadata.num_rows))
    const ends = metadata.row_groups.map((group, index) =>
      metadata.row_groups.slice(0, index).reduce((sum, before) => sum + Number(before.num_rows), 0) + Number(group.num_rows))
    const flights = Stream.paginateChunkEffect(0, (rowStart) => {
      const rowEnd = Math.min(total, ends.find((end) => end > rowStart) ?? total)
      return Effect.map(
        attempt(() =>
          new Promise<Chunk.Chunk<Flight>>((resolve, reject) => {
            const done = (rows: ReadonlyArray<ReadonlyArray<unknown>>) => resolve(Chunk.unsafeFromArray(rows.map(flight)))
            parquetRead({ file, metadata, compressors, rowStart, rowEnd, onComplete: done }).catch(reject)
          })
        ),
        (rows) => [rows, rowEnd < total ? Option.some(rowEnd) : Option.none<number>()] as const
      )
    })
    return { total, flights }
  })

const flight = ([date, delay, distance, origin, destination]: ReadonlyArray<unknown>): Flight => ({
  departure: Number(date),
  delay: Number(delay),
  distance: Number(distance),
  origin: String(origin),
  destination: String(destination)
})

/** What two readings of the same flights must agree on. */
export class Tally {
  rows = 0
  delay = 0
  distance = 0
  departure = 0
  letters = 0

  readonly add = (flight: Flight): void => {
    this.rows++
    this.delay += flight.delay
    this.distance += flight.distance
    // Milliseconds since 1970 would leave 2^53 after some thousand flights.
    this.departure = (this.departure + flight.departure) % 1_000_000_007
    this.letters += flight.origin.charCodeAt(0) * 31 + flight.destination.charCodeAt(2)
  }

  /** The fields in which another tally differs, in words. */
  differences(other: Tally): ReadonlyArray<string> {
    return (["rows", "delay", "distance", "departure", "letters"] as const)
      .filter((field) => this[field] !== other[field])
      .map((field) => `${field}: read ${this[field]}, came back ${other[field]}`)
  }
}
