/**
 * The place up to which a spool is applied where the target cannot keep it: a small file beside the log.
 *
 * It is replaced as a whole and synced, so that it holds the old place or the new one. Called by `draining`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { SpoolError } from "../../SpoolError.js"
import { failed } from "./failure.js"
import type { Log } from "./log.js"

const name = "applied.json"

const Place = Schema.parseJson(Schema.Struct({ applied: Schema.NonNegativeInt }))

/** The place; the beginning where there is none yet. */
export const read = (log: Log): Effect.Effect<number, SpoolError> => {
  const path = log.pathOf(name)
  return Effect.mapError(log.fs.exists(path), failed(path, "cannot be read")).pipe(
    Effect.flatMap((isThere) => isThere ? Effect.mapError(log.fs.readFileString(path), failed(path, "cannot be read")) : Effect.succeed(`{"applied":0}`)),
    Effect.flatMap((text) => Effect.mapError(Schema.decode(Place)(text), () => new SpoolError({ reason: "Damaged", message: `${path} does not say a place`, file: path }))),
    Effect.map(({ applied }) => applied)
  )
}

/** Keeps the place. */
export const write = (log: Log, applied: number): Effect.Effect<void, SpoolError> => {
  const path = log.pathOf(name)
  const next = `${path}.next`
  return Effect.scoped(Effect.gen(function*() {
    const file = yield* log.fs.open(next, { flag: "w" })
    yield* file.writeAll(new TextEncoder().encode(JSON.stringify({ applied })))
    yield* file.sync
    yield* log.fs.rename(next, path)
  })).pipe(Effect.mapError(failed(path, "cannot be written")))
}
