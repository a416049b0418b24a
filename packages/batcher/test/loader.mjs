/**
 * A process that loads rows through a spool, to be killed: `node loader.mjs <folder of the spool> <database> <rows>`.
 *
 * It appends the rows that the spool has not taken yet and applies them meanwhile. It says so when it begins, and exits with 0 when all are applied.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { BulkSink, Spool } from "@sluice/batcher"
import { Sqlite } from "@sluice/sqlite"
import { Effect, Layer, Stream } from "effect"

const [folder, filename, rows] = process.argv.slice(2)

const insert = (records) => BulkSink.load(Stream.fromIterable(records), { table: "t", columns: ["id", "name"] })

await Effect.gen(function*() {
  const spool = yield* Spool.file(folder, { segmentBytes: 200_000 })
  process.stdout.write("loading\n")
  const source = Effect.flatMap(spool.appended, (from) =>
    from >= Number(rows) ? Effect.void : Stream.run(Stream.rechunk(Stream.map(Stream.range(from, Number(rows) - 1), (id) => [id, `name ${id}`]), 500), spool.sink))
  const following = yield* Effect.fork(spool.follow(insert, { maxRecords: 500 }))
  yield* Effect.raceFirst(source, following)
  yield* following.interruptAsFork(following.id())
  yield* spool.drain(insert)
}).pipe(Effect.scoped, Effect.provide(Layer.merge(Sqlite.layer({ filename, busyTimeout: "10 seconds" }), NodeFileSystem.layer)), Effect.runPromise)
