/**
 * An entity of @effect/cluster that adds 100, and the runner that runs it on SQL storage.
 *
 * JavaScript, with the types that the test needs beside it: the declarations of @effect/rpc want a browser's, and do not
 * compile where libraries are checked, too, as ours are. Called by `cluster`.
 */
import * as ClusterSchema from "@effect/cluster/ClusterSchema"
import * as Entity from "@effect/cluster/Entity"
import * as SingleRunner from "@effect/cluster/SingleRunner"
import * as Rpc from "@effect/rpc/Rpc"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

const Counter = Entity.make("Counter", [
  Rpc.make("Add", {
    payload: { id: Schema.String, n: Schema.Number },
    success: Schema.Number,
    error: Schema.String,
    primaryKey: ({ id }) => id
  }).annotate(ClusterSchema.Persisted, true)
])

export const add = (id, n) => Effect.flatMap(Counter.client, (client) => client("one").Add({ id, n }))

export const runner = (handled) =>
  Counter.toLayer(Counter.of({
    Add: ({ payload: { n } }) =>
      Effect.suspend(() => {
        handled.push(n)
        return n < 0 ? Effect.fail("only upwards") : Effect.succeed(100 + n)
      })
  })).pipe(Layer.provideMerge(SingleRunner.layer({
    shardingConfig: { shardsPerGroup: 4, entityMessagePollInterval: 50, entityTerminationTimeout: 0 }
  })))
