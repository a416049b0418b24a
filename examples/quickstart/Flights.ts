/**
 * Flights: three million real ones, out of a Parquet file, as a Stream of rows; and a tally to compare by.
 *
 * It knows no database. Called by `quickstart`.
 */
import { type FormatError, Parquet } from "@sluice/batcher"
import type { FileSystem } from "@effect/platform"
import { Effect, Stream } from "effect"
import { fileURLToPath } from "node:url"

/** A flight: when it left (milliseconds since 1970), minutes of delay, miles, from where, to where. */
export interface Flight {
  readonly departure: number
  readonly delay: number
  readonly distance: number
  readonly origin: string
  readonly destination: string
}

// The package exports its code only; its data lie beside that.
const path = fileURLToPath(new URL("../data/flights-3m.parquet", import.meta.resolve("vega-datasets")))

/** How many flights there are, if no more than `limit` are wanted. */
export const count = (limit: number): Effect.Effect<number, FormatError.FormatError, FileSystem.FileSystem> =>
  Effect.map(Parquet.describe(path), ({ rows }) => Math.min(limit, rows))

/** The first `count` flights. */
export const read = (count: number): Stream.Stream<Flight, FormatError.FormatError, FileSystem.FileSystem> =>
  Stream.map(Stream.take(Parquet.read(path), count), flight)

const flight = ({ date, delay, destination, distance, origin }: Parquet.Row): Flight => ({
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
