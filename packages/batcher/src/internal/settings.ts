/**
 * Settings: a batcher's options, checked, with what follows from them and from where the batcher is made.
 *
 * @internal
 */
import * as CircuitBreaker from "@sluice/core/CircuitBreaker"
import type { Database } from "@sluice/core/Database"
import { type Checked, millis, refuse } from "@sluice/core/Options"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import type { Transaction } from "@sluice/core/Transaction"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Left } from "../Batch.js"
import type { Execute, Options } from "../BatchOptions.js"
import * as BatchPolicy from "../BatchPolicy.js"
import * as QueryCollector from "../QueryCollector.js"
import { Adapting } from "./adapting.js"
import type { Batch, Unit } from "./buffer.js"
import { standard } from "./intake.js"
import { merging } from "./merging.js"
import { delimiter, limit, oneOf } from "./options.js"
import type * as Sending from "./sending.js"
import * as Target from "./target.js"
import { Whole } from "./whole.js"

export interface Adjustment {
  readonly reference: number
  readonly least: number
  readonly most: number
}

export interface Settings extends Sending.Settings {
  readonly db: Database | undefined
  readonly policy: BatchPolicy.BatchPolicy
  readonly inFlight: number
  readonly autoFlush: boolean
  /** Milliseconds; Infinity is never. */
  readonly linger: number
  readonly closeTimeout: number
  readonly onLeft: ((left: Left) => Effect.Effect<void>) | undefined
  readonly adjustment: Adjustment | undefined
  readonly adapting: Adapting | undefined
  /** The transaction that it was made in. */
  readonly own: Transaction | undefined
  readonly isDetached: boolean
}

/** Where the statements go: a database, or a callback. */
export type Receiver =
  | { readonly db: Database; readonly execute: undefined }
  | { readonly db: undefined; readonly execute: Execute<unknown> }

export const make = (options: Options, { db, execute }: Receiver): Effect.Effect<Settings, SqlError.SqlError> =>
  Effect.gen(function*() {
    const policy = yield* BatchPolicy.make(
      options.batchMode === false ? { ...options, maxStatements: 1 } : options,
      db?.dialect.limits.maxStatementBytes
    )
    const own = db === undefined ? undefined : Option.getOrUndefined(yield* db.transactionOption)
    const transaction = yield* transactionOf(options, db, own !== undefined)
    const inFlight = yield* limit("inFlight", options.inFlight, 1)
    if (inFlight > 1 && options.ordered !== false) yield* refuse("inFlight", "above 1 needs ordered: false: batches would overtake each other")
    if (inFlight > 1 && transaction === "all") yield* refuse("inFlight", `must be 1 with transaction: "all", which has one connection`)
    if (transaction === "all" && options.retry !== undefined) yield* refuse("retry", `needs transaction: "batch" or "none"`)
    const isDry = options.dryRun === true
    const collector = yield* Effect.serviceOption(QueryCollector.QueryCollector)
    return {
      db,
      policy,
      inFlight,
      autoFlush: options.autoFlush ?? true,
      linger: yield* millis("linger", options.linger, Number.POSITIVE_INFINITY),
      closeTimeout: yield* millis("closeTimeout", options.closeTimeout, 30_000),
      onLeft: options.onLeft,
      adjustment: yield* adjustmentOf(options),
      adapting: options.adaptive === true && options.batchMode !== false ? new Adapting() : undefined,
      own,
      isDetached: options.detached === true,
      way: {
        target: execute === undefined ? Target.database(db) : Target.callback(execute),
        db,
        transaction,
        whole: transaction === "all" && db !== undefined ? new Whole(db) : undefined,
        isInside: own !== undefined,
        retry: options.retry,
        breaker: yield* breakerOf(options),
        setsAside: options.deadLetter !== undefined,
        halves: options.adaptive === true
      },
      delimiter: yield* delimiter(options.delimiter),
      isDry,
      deadLetter: options.deadLetter,
      collector: Option.getOrUndefined(collector),
      beforeBatch: options.beforeBatch,
      afterBatch: options.afterBatch,
      units: options.mergeInserts === true ? merging(db?.dialect ?? standard, policy.limit, transaction === "all" || own !== undefined) : alone,
      clock: yield* Effect.clock
    }
  })

const alone = (batch: Batch): ReadonlyArray<Unit> => batch.entries

const transactionOf = (options: Options, db: Database | undefined, isInside: boolean): Effect.Effect<"none" | "batch" | "all", SqlError.SqlError> =>
  Effect.gen(function*() {
    const has = db?.dialect.capabilities.transactions === true && (!isInside || db.dialect.capabilities.savepoints)
    const transaction = yield* oneOf("transaction", options.transaction, ["none", "batch", "all"], has ? "batch" : "none")
    if (transaction === "none") return transaction
    if (db === undefined) return yield* refuse("transaction", `must be "none" with execute: only the receiver knows what a batch is to it`)
    if (transaction === "all" && isInside) return yield* refuse("transaction", `must not be "all" inside of a transaction, which is one already`)
    if (!has) {
      return yield* SqlError.fail(
        new Reason.UnsupportedError({ message: `${db.dialect.name} has no ${isInside ? "savepoints" : "transactions"}: transaction must be "none"`, capability: isInside ? "savepoints" : "transactions" })
      )
    }
    return transaction
  })

const adjustmentOf = (options: Options): Checked<Adjustment | undefined> =>
  Either.gen(function*() {
    const reference = yield* limit("referenceColumnCount", options.referenceColumnCount, 10)
    const least = yield* factor("minAdjustmentFactor", options.minAdjustmentFactor, 0.5, Number.MIN_VALUE)
    const most = yield* factor("maxAdjustmentFactor", options.maxAdjustmentFactor, Math.max(2, least), least)
    return options.autoAdjustForColumns === true && options.batchMode !== false ? { reference, least, most } : undefined
  })

const factor = (field: string, value: number | undefined, fallback: number, least: number): Checked<number> => {
  if (value === undefined) return Either.right(fallback)
  return value >= least && value < Number.POSITIVE_INFINITY ? Either.right(value) : refuse(field, `must be ${least > Number.MIN_VALUE ? `at least ${least}` : "above 0"}, was ${value}`)
}

const breakerOf = ({ circuitBreaker }: Options): Effect.Effect<CircuitBreaker.CircuitBreaker | undefined, SqlError.SqlError> => {
  if (circuitBreaker === undefined) return Effect.succeed(undefined)
  return "protect" in circuitBreaker ? Effect.succeed(circuitBreaker) : CircuitBreaker.make(circuitBreaker)
}
