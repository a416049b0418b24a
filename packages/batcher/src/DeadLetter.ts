/**
 * A dead letter: where a statement goes that the database refuses, so that the others of its batch are applied.
 *
 * It finds no bad statement (that is the batcher) and sends none again. Given to a batcher as `deadLetter`.
 *
 * @since 0.1.0
 */
import * as FileSystem from "@effect/platform/FileSystem"
import { Database, type DatabaseId } from "@sluice/core/Database"
import { refuse } from "@sluice/core/Options"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import type * as Queue from "effect/Queue"
import type { LeftStatement, Metadata } from "./Batch.js"
import type { BatchError } from "./BatchError.js"
import { lineOf } from "./internal/format/line.js"

/**
 * A statement that was not applied, and why.
 *
 * @example
 * ```ts
 * import type { DeadLetter } from "@sluice/batcher"
 *
 * const line = (letter: DeadLetter.Letter) => `${letter.text}: ${letter.error?.message ?? "never sent"}`
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Letter extends LeftStatement {
  /** Why: the statement's own SqlError, or the failure that stopped the batcher before it was sent. */
  readonly error: SqlError.SqlError | BatchError | undefined
  /** What was given to `flush` or `process`. */
  readonly metadata: Metadata | undefined
}

/**
 * Takes letters. A failure of it, or a defect, fails the batch, whose statements are then left as they would be without it.
 *
 * @example
 * ```ts
 * import type { DeadLetter } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const log: DeadLetter.DeadLetter = (letters) => Effect.forEach(letters, (letter) => Effect.logError(letter.text), { discard: true })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type DeadLetter = (letters: ReadonlyArray<Letter>) => Effect.Effect<unknown, unknown>

/**
 * Letters into a queue, one by one. A bounded queue that is full suspends the batcher, which closing ends after
 * `closeTimeout`: what the queue has taken by then may be told as left, too.
 *
 * @example
 * ```ts
 * import { Batcher, DeadLetter } from "@sluice/batcher"
 * import { Effect, Queue } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const letters = yield* Queue.unbounded<DeadLetter.Letter>()
 *   return yield* Batcher.make({ deadLetter: DeadLetter.queue(letters) })
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const queue = (queue: Queue.Enqueue<Letter>): DeadLetter => (letters) => queue.offerAll(letters)

/**
 * Letters into a table, in a transaction of their own behind the batch's. It has the columns `statement`, `parameters` (JSON),
 * `reason`, `message` and `outcome`, all of them texts. It is not made here.
 *
 * @example
 * ```ts
 * import { Batcher, DeadLetter } from "@sluice/batcher"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const deadLetter = yield* DeadLetter.table("refused")
 *   return yield* Batcher.make({ deadLetter })
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const table = (name: string): Effect.Effect<DeadLetter, SqlError.SqlError, DatabaseId> =>
  Effect.gen(function*() {
    if (typeof name !== "string" || name.trim().length === 0) return yield* refuse("table", "must be a table's name")
    const db = yield* Database
    return (letters) =>
      Effect.suspend(() => db.batch(letters.map((letter) => {
        const { message, outcome, parameters, reason, statement } = told(letter)
        return db`INSERT INTO ${db(name)} (statement, parameters, reason, message, outcome)
          VALUES (${statement}, ${lineOf(parameters)}, ${reason}, ${message}, ${outcome})`
      })))
  })

/**
 * Letters behind what a file holds, as lines of JSON: `statement`, `parameters`, `reason`, `message`, `outcome`,
 * `metadata`. Bytes are base64, a bigint is a text.
 *
 * @example
 * ```ts
 * import { DeadLetter } from "@sluice/batcher"
 *
 * const deadLetter = DeadLetter.file("refused.ndjson")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const file = (path: string): Effect.Effect<DeadLetter, never, FileSystem.FileSystem> =>
  Effect.map(FileSystem.FileSystem, (files) => (letters) =>
    Effect.suspend(() => files.writeFileString(path, letters.map((letter) => `${lineOf({ ...told(letter), metadata: letter.metadata })}\n`).join(""), { flag: "a" })))

const told = ({ error, outcome, params, text }: Letter) => ({
  statement: text,
  parameters: params,
  reason: error === undefined ? "" : error._tag === "SqlError" ? error.reason._tag : error._tag,
  message: error?.message ?? "",
  outcome
})
