/**
 * A fake connection: the whole contract, and nothing behind it, so that only the pool is measured.
 *
 * Called by `Borrowing`.
 */
import type { Connection } from "@sluice/core"
import * as Generic from "@sluice/core/Generic"
import { UnsupportedError } from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"

const nothing = SqlError.fail(new UnsupportedError({ message: "a fake connection runs nothing", capability: "everything" }))

let last = 0

export const connect: Effect.Effect<Connection.Connection> = Effect.sync(() => ({
  id: ++last,
  endpoint: "nowhere",
  capabilities: { ...Generic.ansi.capabilities, sessions: true, cancel: "server" },
  transaction: "none",
  isClosed: false,
  execute: () => nothing,
  results: () => nothing,
  rows: () => nothing,
  executeMany: () => nothing,
  describe: () => nothing,
  begin: () => nothing,
  commit: nothing,
  rollback: nothing,
  savepoint: () => nothing,
  release: () => nothing,
  rollbackTo: () => nothing,
  ping: Effect.void,
  reset: Effect.void,
  settle: Effect.void,
  close: () => Effect.void,
  native: undefined
}))
