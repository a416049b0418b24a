/**
 * A scope: a transaction, a savepoint inside one, or a session, on a held connection. It is what a fiber's context
 * carries, so that the fiber's statements find their connection.
 *
 * It runs nothing. Made by `Transaction` and `Session`, read by the path of every statement.
 *
 * @internal
 */
import type * as Effect from "effect/Effect"
import type { BeginOptions } from "../Connection.js"
import * as Reason from "../Reason.js"
import * as SqlError from "../SqlError.js"
import type { Held } from "./held.js"

export type Kind = "session" | "transaction" | "savepoint"

export class Scope {
  status: "open" | "committed" | "rolled back" | "closed" = "open"
  /** It stands for the database itself, whose every statement is in it: how it was begun. */
  root: BeginOptions | undefined = undefined
  /** What runs before COMMIT, or RELEASE, in the order of its registration. */
  readonly beforeCommit: Array<Effect.Effect<void, SqlError.SqlError>> = []
  /** What runs after the outermost COMMIT, in the order of its registration. */
  readonly afterCommit: Array<Effect.Effect<void>> = []

  constructor(
    readonly kind: Kind,
    readonly held: Held,
    readonly parent: Scope | undefined,
    /** The savepoint's name, for a savepoint. */
    readonly name: string,
    /** A statement in it that commits by itself is no failure; see `BeginOptions.implicitCommit`. */
    readonly survivesCommit = false
  ) {}

  get depth(): number {
    return this.parent === undefined ? 0 : this.parent.depth + 1
  }

  /** Why a statement of this scope must not be sent; `undefined` when it may. */
  refusal(): SqlError.SqlError | undefined {
    if (this.status === "closed") return SqlError.make(new Reason.ClosedError({ message: `the ${this.kind} is closed`, operation: "execute" }))
    if (this.status !== "open") {
      return SqlError.make(
        new Reason.TransactionStateError({ message: `the ${this.kind} has been ${this.status} already`, operation: "execute" })
      )
    }
    return this.held.lost ?? this.held.aborted
  }

  /** Takes this scope, and what is left open inside it, from the stack. */
  leave(status: "committed" | "rolled back" | "closed"): void {
    this.status = status
    const index = this.held.stack.indexOf(this)
    if (index >= 0) {
      for (const inner of this.held.stack.splice(index)) if (inner !== this) inner.status = status
    }
    this.held.next()
  }
}
