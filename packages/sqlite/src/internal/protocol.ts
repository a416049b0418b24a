/**
 * The protocol: what a connection asks of its handle, and what the handle answers.
 *
 * Plain data, because it crosses to the worker thread; without threads the same data takes the same way, only shorter.
 * Rows travel as one flat list of values per chunk: 720k rows/s, against 640k for a list of lists; columns in lists of
 * their own gave 738k, and with Float64Array for numbers 661k. Read by `handle`, `verbs`, `worker` and the transports.
 *
 * @since 0.1.0
 */
import type * as Connection from "@sluice/core/Connection"
import type { Fault } from "./fault.js"
import type { Value } from "./values.js"

/** The columns of a statement. They are sent once: afterwards `columns` is undefined and `id` stands for them. */
export interface Shape {
  readonly id: number
  readonly columns: ReadonlyArray<Connection.Column> | undefined
}

/** One statement to run. */
export interface Statement {
  readonly sql: string
  readonly params: Array<Value>
  readonly bigints: boolean
  /** Two columns of one name are refused before it runs. */
  readonly distinct: boolean
  /** Kept in the cache of prepared statements. */
  readonly keep: boolean
}

/** The answer to a statement: `shape` is undefined where it has no result. */
export interface Executed {
  readonly shape: Shape | undefined
  readonly values: ReadonlyArray<Value>
  readonly count: number
  readonly affected: number
  readonly lastId: number | bigint | undefined
}

/** A chunk of an open query. */
export interface Chunk {
  readonly values: ReadonlyArray<Value>
  readonly count: number
  readonly done: boolean
}

/** Every verb with its argument and its answer. */
export interface Verbs {
  readonly execute: { readonly arg: Statement; readonly reply: Executed }
  readonly many: {
    /** `values` are those of `count` rows, `width` of each. `inside` is refused where no transaction is open any more. */
    readonly arg: { readonly sql: string; readonly values: Array<Value>; readonly width: number; readonly count: number; readonly keep: boolean; readonly inside: boolean }
    /** After a failure all of it is undone, and the counts are of the rows before the one that failed. */
    readonly reply: { readonly counts: ReadonlyArray<number>; readonly fault: Fault | undefined }
  }
  /** Stops at the first failure, which comes beside the answers before it. */
  readonly executeAll: {
    readonly arg: ReadonlyArray<Statement>
    readonly reply: { readonly answers: ReadonlyArray<Executed>; readonly fault: Fault | undefined }
  }
  readonly open: {
    readonly arg: Statement & { readonly cursor: number; readonly size: number }
    readonly reply: Chunk & { readonly shape: Shape | undefined }
  }
  readonly pull: { readonly arg: { readonly cursor: number; readonly size: number }; readonly reply: Chunk }
  readonly shut: { readonly arg: number; readonly reply: undefined }
  readonly describe: { readonly arg: string; readonly reply: ReadonlyArray<Connection.Column> }
  readonly bulk: {
    readonly arg: { readonly head: string; readonly tail: string; readonly width: number; readonly values: Array<Value>; readonly inside: boolean }
    readonly reply: number
  }
  readonly begin: { readonly arg: { readonly access: string; readonly readOnly: boolean }; readonly reply: undefined }
  readonly commit: { readonly arg: undefined; readonly reply: undefined }
  readonly rollback: { readonly arg: undefined; readonly reply: undefined }
  readonly savepoint: { readonly arg: string; readonly reply: undefined }
  readonly release: { readonly arg: string; readonly reply: undefined }
  readonly rollbackTo: { readonly arg: string; readonly reply: undefined }
  readonly ping: { readonly arg: undefined; readonly reply: undefined }
  readonly reset: { readonly arg: undefined; readonly reply: undefined }
  readonly backup: { readonly arg: string; readonly reply: undefined }
  readonly serialize: { readonly arg: undefined; readonly reply: Uint8Array }
  readonly loadExtension: { readonly arg: string; readonly reply: undefined }
  readonly close: { readonly arg: undefined; readonly reply: undefined }
}

/** The name of a verb. */
export type Verb = keyof Verbs

/** A request as it crosses: an id that counts up, the verb and its argument. */
export type Request<V extends Verb = Verb> = readonly [id: number, verb: V, arg: Verbs[V]["arg"]]

/** An answer as it crosses: the request's id (0 is the opening), what came of it, and whether a transaction is open. */
export type Answer = readonly [id: number, fault: Fault | undefined, reply: unknown, inTransaction: boolean]
