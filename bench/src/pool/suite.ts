/**
 * The pool, which knows no dialect, beside generic-pool and effect's Pool.
 */
import * as Effect from "effect/Effect"
import { versionOf } from "../Machine.js"
import * as Suite from "../Suite.js"
import { borrowing } from "./Borrowing.js"

export const pool = Suite.make({
  name: "core",
  head: { direct: "generic-pool", stock: "effect's Pool" },
  measurements: [borrowing],
  open: () => Effect.succeed({}),
  versions: () => [versionOf("generic-pool")]
})
