/**
 * How a database is opened and closed without Effect: over a runtime of its own, or beside others on one.
 *
 * Called by `Sluice`.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Runtime from "effect/Runtime"
import * as Database from "../../Database.js"
import * as Reason from "../../Reason.js"
import type { Sluice } from "../../Sluice.js"
import * as SqlError from "../../SqlError.js"
import { executor, type Provided } from "./executor.js"
import { Work } from "./Work.js"

export const open = async <E>(layer: Layer.Layer<Provided, E>, signal: AbortSignal | undefined): Promise<Sluice> => {
  const runtime = ManagedRuntime.make(layer)
  try {
    return opened(await built(runtime, signal), runtime.disposeEffect)
  } catch (error) {
    // What was half open is closed: connections of a layer's first part, say.
    await runtime.dispose()
    throw error
  }
}

export const fromRuntime = async <E>(runtime: ManagedRuntime.ManagedRuntime<Provided, E>, signal: AbortSignal | undefined): Promise<Sluice> =>
  opened(await built(runtime, signal), Effect.void)

const built = <E>(runtime: ManagedRuntime.ManagedRuntime<Provided, E>, signal: AbortSignal | undefined): Promise<Runtime.Runtime<Provided>> =>
  new Work(Runtime.defaultRuntime, []).promise(runtime.runtimeEffect, signal)

const opened = (runtime: Runtime.Runtime<Provided>, dispose: Effect.Effect<void>): Sluice => {
  const work = new Work(runtime, [])
  let closing: Promise<void> | undefined
  const refusal = SqlError.make(new Reason.ClosedError({ message: "the database is closed" }))
  const close = () => closing ??= Effect.runPromise(Effect.zipRight(work.close(refusal), dispose))
  return Object.assign(executor(Context.get(runtime.context, Database.Database), work), { close, [Symbol.asyncDispose]: close })
}
