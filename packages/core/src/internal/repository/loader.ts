/**
 * A loader: gathers what fibers ask for within a window into one batch, and answers each of them.
 *
 * It knows no SQL. Who is in a transaction shares a batch with that transaction only, so that nothing is written outside
 * of it and nothing of another's is read. Made by `Repository.makeDataLoaders`.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Scope as EffectScope } from "effect/Scope"
import * as Reason from "../../Reason.js"
import * as SqlError from "../../SqlError.js"
import { type Client, currentScope, refused, writing } from "../client.js"
import type { Scope } from "../scope.js"

export interface Options<in I, out A> {
  /** How long the first of a batch waits for others, in milliseconds. */
  readonly window: number
  /** A batch of so many is sent at once. */
  readonly most: number
  readonly writes: boolean
  /** An exit for each input, in their order; its own failure is everybody's. */
  readonly run: (inputs: ReadonlyArray<I>) => Effect.Effect<ReadonlyArray<Exit.Exit<A, SqlError.SqlError>>, SqlError.SqlError>
}

class Batch<I, A> {
  readonly askers = new Map<Deferred.Deferred<A, SqlError.SqlError>, I>()
  isSent = false
  fiber: Fiber.RuntimeFiber<void> | undefined
}

export const make = <I, A>(
  client: Client,
  { most, run, window, writes }: Options<I, A>
): Effect.Effect<(input: I) => Effect.Effect<A, SqlError.SqlError>, never, EffectScope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const gathering = new Map<Scope | "primary" | undefined, Batch<I, A>>()
    const batches = new Set<Batch<I, A>>()
    let isClosed = false
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        isClosed = true
        return Effect.forEach(batches, ({ askers, isSent }) =>
          Effect.forEach(askers.keys(), (asker) => Deferred.fail(asker, closed(writes && isSent)), { discard: true }), { discard: true })
      }))

    const send = (batch: Batch<I, A>) =>
      Effect.suspend(() => {
        // The one that waited for its window, and the one that filled it, may both come here.
        if (batch.isSent) return Effect.void
        batch.isSent = true
        const asked = [...batch.askers]
        return Effect.flatMap(Effect.exit(run(asked.map(([, input]) => input))), (exit) => {
          batches.delete(batch)
          return Effect.forEach(asked, ([asker], i) => Deferred.done(asker, Exit.flatMap(exit, (exits) => exits[i]!)), { discard: true })
        })
      })

    return (input) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.withFiberRuntime<A, SqlError.SqlError>((fiber) => {
          if (isClosed) return refused(client, closed(false), "load")
          // Who must read from the primary does not share with who need not.
          const own = currentScope(client, fiber.currentContext) ?? (client.replicas?.isBound(fiber) === true ? "primary" : undefined)
          const batch = gathering.get(own) ?? new Batch<I, A>()
          const asker = Deferred.unsafeMake<A, SqlError.SqlError>(fiber.id())
          batch.askers.set(asker, input)
          const isFull = batch.askers.size >= most
          const leave = Effect.suspend(() => {
            batch.askers.delete(asker)
            if (batch.askers.size > 0) return Effect.void
            if (gathering.get(own) === batch) gathering.delete(own)
            batches.delete(batch)
            return batch.fiber === undefined ? Effect.void : Effect.asVoid(batch.fiber.interruptAsFork(fiber.id()))
          })
          const awaited = Effect.onInterrupt(restore(Deferred.await(asker)), () => leave)
          // The batch wrote in another fiber, and this one must see it.
          const answer = writes ? writing(client, awaited) : awaited
          if (!isFull && gathering.has(own)) return answer
          if (isFull) gathering.delete(own)
          else gathering.set(own, batch)
          batches.add(batch)
          const waiting = batch.fiber
          const gathered = isFull ? Effect.void : Effect.zipRight(
            Effect.sleep(window),
            Effect.sync(() => {
              if (gathering.get(own) === batch) gathering.delete(own)
            })
          )
          // The child has the context of the batch's first asker, or of the one that filled it: their transaction is the same.
          return Effect.forkIn(Effect.interruptible(Effect.zipRight(gathered, send(batch))), scope).pipe(
            Effect.flatMap((child) => {
              batch.fiber = child
              return waiting === undefined ? answer : Effect.zipRight(waiting.interruptAsFork(fiber.id()), answer)
            })
          )
        })
      )
  })

const closed = (maybeApplied: boolean): SqlError.SqlError =>
  SqlError.make(new Reason.ClosedError({ message: "the scope of the data loaders has ended", operation: "load", outcome: maybeApplied ? "unknown" : "not-applied" }))
