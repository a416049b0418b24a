/**
 * The batcher's own work, which knows no dialect.
 */
import * as Effect from "effect/Effect"
import * as Suite from "../Suite.js"
import { batching } from "./Batching.js"
import { merging } from "./Merging.js"

export const batcher = Suite.make({
  name: "batcher",
  head: { direct: "driver", stock: "stock", other: "SQL Batcher" },
  measurements: [batching, merging],
  open: () => Effect.succeed({}),
  versions: () => []
})
