/**
 * A visitor of an app: reads what there is to read, and leaves in the middle of what takes long. It knows the URL only; whether
 * the database is done it asks beside it.
 */
import type { SqlError } from "@sluice/core"
import { Data, Effect, Schedule } from "effect"
import { visits } from "./Data.js"

export class Unkept extends Data.TaggedError("Unkept")<{ readonly message: string }> {}

const get = (url: string, signal?: AbortSignal) =>
  Effect.tryPromise({
    try: () => fetch(url, signal === undefined ? {} : { signal }),
    catch: (error) => new Unkept({ message: `${url}: ${String(error)}` })
  })

const text = (url: string) =>
  Effect.flatMap(get(url), (response) => Effect.promise(async () => `${response.status} ${(await response.text()).trimEnd()}`))

const until = (count: Effect.Effect<number, SqlError.SqlError>, wanted: (n: number) => boolean, what: string) =>
  count.pipe(
    Effect.repeat({ until: wanted, schedule: Schedule.spaced("10 millis") }),
    Effect.timeoutFail({ duration: "5 seconds", onTimeout: () => new Unkept({ message: `${what} did not come` }) })
  )

/** Visits an app; `atWork` counts the statements that its database works on. Answers with what was seen, line by line. */
export const visit = (url: string, atWork: Effect.Effect<number, SqlError.SqlError>) =>
  Effect.gen(function*() {
    const seen = [`users: ${yield* text(`${url}/users`)}`, `user 2: ${yield* text(`${url}/users/2`)}`]
    seen.push(`user 9: ${(yield* text(`${url}/users/9`)).slice(0, 3)}`)

    const lines = (yield* text(`${url}/visits`)).split("\n")
    const [last] = lines.slice(-1).map((line) => Number(JSON.parse(line).id))
    if (lines.length !== visits || last !== visits - 1) return yield* new Unkept({ message: `${lines.length} visits were read, up to ${last}` })
    seen.push(`${lines.length} visits as NDJSON`)

    const leaving = new AbortController()
    const report = yield* Effect.fork(Effect.either(get(`${url}/report`, leaving.signal)))
    yield* until(atWork, (n) => n === 1, "the report's beginning")
    leaving.abort()
    yield* until(atWork, (n) => n === 0, "the end of the report that nobody waits for")
    yield* report
    seen.push("left in the middle of a report: the database works on nothing")

    const reading = new AbortController()
    const response = yield* get(`${url}/visits`, reading.signal)
    yield* Effect.promise(async () => response.body?.getReader().read())
    yield* until(atWork, (n) => n === 1, "the pause of the rows")
    reading.abort()
    yield* until(atWork, (n) => n === 0, "the end of the rows that nobody reads")
    seen.push("left in the middle of the visits: the database works on nothing")
    return seen
  })
