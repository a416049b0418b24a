/**
 * A script: its statements one after the other on one connection, of a text or of a stream that is larger than memory.
 *
 * Where a statement ends is known to `SqlScript`. Called by `Database`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Result } from "../Connection.js"
import type { Database } from "../Database.js"
import * as Reason from "../Reason.js"
import * as Session from "../Session.js"
import * as SqlError from "../SqlError.js"
import * as SqlScript from "../SqlScript.js"
import { type Client, currentScope, refused } from "./client.js"
import { statement } from "./verbs.js"

type Script<E, R> = Stream.Stream<string | Uint8Array, E, R>
type Provide = (effect: Effect.Effect<Result, SqlError.SqlError>) => Effect.Effect<Result, SqlError.SqlError>

export const script = (client: Client): Database["script"] =>
  (<E, R>(source: string | Script<E, R>) => typeof source === "string" ? ofText(client, source) : ofStream(client, source)) as Database["script"]

const one = (client: Client, piece: SqlScript.Piece, index: number): Effect.Effect<Result, SqlError.SqlError> =>
  Effect.mapError(statement(client, piece.text).result, (error) => SqlError.make(Reason.inScript(error.reason, index, piece.line)))

// Its BEGIN and its COMMIT must meet on one connection.
const held = (client: Client) =>
  Effect.withFiberRuntime<Provide, SqlError.SqlError, Effect.Effect.Context<ReturnType<typeof Session.brief>>>((fiber) =>
    currentScope(client, fiber.currentContext) !== undefined
      ? Effect.succeed((effect) => effect)
      : Effect.map(Session.brief(client), (session) => session.provide))

const ofText = (client: Client, text: string): Effect.Effect<ReadonlyArray<Result>, SqlError.SqlError> =>
  Effect.flatMap(Effect.catchAll(Effect.suspend(() => SqlScript.split(text, client.dialect.lexicon)), (error) => refused(client, error, "script")), (pieces) =>
    Effect.scoped(Effect.flatMap(held(client), (provide) => Effect.forEach(pieces, (piece, index) => provide(one(client, piece, index))))))

const ofStream = <E, R>(client: Client, source: Script<E, R>): Stream.Stream<Result, E | SqlError.SqlError, R> =>
  Stream.unwrapScoped(Effect.map(held(client), (provide) => {
    let index = 0
    const { lexicon, limits } = client.dialect
    // A character is at least a byte: what is longer is refused anyway, and is not gathered.
    return SqlScript.split(source, lexicon, { maxLength: Math.min(limits.longestStatementBytes ?? limits.maxStatementBytes, 2 ** 28) }).pipe(
      Stream.catchAll((error) => Stream.fromEffect(SqlError.isSqlError(error) && error.reason.operation === "split" ? refused(client, error, "script") : Effect.fail(error))),
      Stream.mapEffect((piece) => provide(one(client, piece, index++)))
    )
  }))
