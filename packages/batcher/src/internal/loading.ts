/**
 * Loading: rows gathered into chunks by the one who brings them, and written behind by a fiber of its own.
 *
 * One chunk is written while the next is ready and the one after that is gathered; then the stream is suspended, so that
 * memory holds three chunks. Nothing is done per row but the loop in `rows`. Called by `BulkSink`.
 *
 * @internal
 */
import type * as Bulk from "@sluice/core/Bulk"
import type { Database } from "@sluice/core/Database"
import * as SqlError from "@sluice/core/SqlError"
import * as Cause from "effect/Cause"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Mailbox from "effect/Mailbox"
import type * as Scope from "effect/Scope"
import { BatchError } from "../BatchError.js"
import type { Report } from "../BulkSink.js"
import { Atomic } from "./atomic.js"
import { type Values, valuesOf } from "./rows.js"
import { type Write, writer } from "./writing.js"

export interface Settings {
  readonly target: Bulk.Target
  readonly chunkSize: number
  /** `none` where the dialect has no transactions. */
  readonly transaction: "chunk" | "all" | "none"
  readonly onProgress: ((rows: number) => Effect.Effect<void>) | undefined
}

type Problem = BatchError | SqlError.SqlError

/** A load for a scope: closing it before the end stops the writing, and rolls the open transaction back. */
export const open = (db: Database, settings: Settings): Effect.Effect<Loading, SqlError.SqlError, Scope.Scope> =>
  Effect.gen(function*() {
    const write = yield* writer(db, settings.target)
    const ready = yield* Mailbox.make<ReadonlyArray<Values>>({ capacity: 1 })
    const context = yield* Effect.context()
    const loading = new Loading(db, settings, write, ready, (yield* Effect.clock).unsafeCurrentTimeMillis)
    // Whoever waits to hand a chunk over is woken by the end of the writing, and then learns why it ended.
    const fiber = yield* Effect.forkScoped(Effect.ensuring(
      Effect.onError(loading.writing(context), () => Effect.sync(() => {
        loading.hasFailed = true
      })),
      ready.shutdown
    ))
    loading.fiber = fiber
    return loading
  })
