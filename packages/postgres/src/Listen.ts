/**
 * LISTEN and NOTIFY. Exported through `Postgres`.
 *
 * How the one session that listens is kept is in `internal/listening`.
 *
 * @since 0.1.0
 */
import * as Database from "@sluice/core/Database"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Mailbox from "effect/Mailbox"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { foreign } from "./internal/holding.js"
import * as Listening from "./internal/listening.js"

/**
 * What a subscriber hears: a notification, or that the session was lost and listens again, and that what was notified of
 * between the two was missed.
 *
 * @example
 * ```ts
 * import type { Postgres } from "@sluice/postgres"
 *
 * const isGap = (event: Postgres.Event) => event._tag === "Reconnected"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Event =
  | { readonly _tag: "Notification"; readonly channel: string; readonly payload: string; readonly processId: number }
  | { readonly _tag: "Reconnected" }

/**
 * What happens to a subscriber when the session that listens is lost.
 *
 * @example
 * ```ts
 * import type { Postgres } from "@sluice/postgres"
 *
 * const options: Postgres.ListenOptions = { onLost: "fail" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface ListenOptions {
  /** `reconnect` (default): it goes on when a new session listens. `fail`: the stream fails with ConnectionError. */
  readonly onLost?: "reconnect" | "fail" | undefined
}

/**
 * The notifications of a channel, and word of every gap between them.
 *
 * All channels of a database share one connection beside its pool, which is opened for the first subscriber and closed
 * after the last; a channel is listened to once, until nobody subscribes. What a subscriber has not taken yet is kept in memory.
 * A session that is lost is opened anew, with pauses from 50 ms to 10 s: then each subscriber hears `Reconnected`, and should look
 * for what it has missed. Fails where the first session cannot be opened, with ConfigError for a name that is empty or
 * longer than 63 bytes, with ClosedError when the database closes, with UnsupportedError behind a pooler in transaction mode and on PGlite.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import { Effect, Stream } from "effect"
 *
 * const watch = (refresh: Effect.Effect<void>, apply: (payload: string) => Effect.Effect<void>) =>
 *   Effect.gen(function*() {
 *     const db = yield* Database.Database
 *     yield* Stream.runForEach(Postgres.notifications(db, "orders"), (event) =>
 *       event._tag === "Reconnected" ? refresh : apply(event.payload))
 *   })
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const notifications: {
  (channel: string, options?: ListenOptions): (db: Database.Database) => Stream.Stream<Event, SqlError.SqlError>
  (db: Database.Database, channel: string, options?: ListenOptions): Stream.Stream<Event, SqlError.SqlError>
} = dual(
  (args) => typeof args[0] !== "string",
  (db: Database.Database, channel: string, options: ListenOptions = {}): Stream.Stream<Event, SqlError.SqlError> => {
    const listening = Listening.of(db.dialect)
    if (listening === undefined) return Stream.fromEffect(foreign("listen"))
    if (!db.dialect.capabilities.sessions) return Stream.fail(alone("behind a pooler in transaction mode nobody can listen: connect to the server itself"))
    if (listening.isEmbedded) return Stream.fail(alone("to listen takes a second session, and PGlite has one"))
    const refusal = refused(channel)
    if (refusal !== undefined) return Stream.fail(refusal)
    return Stream.unwrapScoped(Effect.map(listening.subscribe(channel, options.onLost ?? "reconnect"), Mailbox.toStream))
  }
)

/**
 * The payloads of a channel, empty ones as well.
 *
 * As `notifications`, without word of gaps: while the session is being opened anew messages are missed, and nothing tells.
 * Where that matters, use `notifications`, or `onLost: "fail"`.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import { Effect, Stream } from "effect"
 *
 * const first = Effect.flatMap(Database.Database, (db) => Stream.runHead(Postgres.listen(db, "orders")))
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const listen: {
  (channel: string, options?: ListenOptions): (db: Database.Database) => Stream.Stream<string, SqlError.SqlError>
  (db: Database.Database, channel: string, options?: ListenOptions): Stream.Stream<string, SqlError.SqlError>
} = dual(
  (args) => typeof args[0] !== "string",
  (db: Database.Database, channel: string, options?: ListenOptions): Stream.Stream<string, SqlError.SqlError> =>
    Stream.filterMap(notifications(db, channel, options), (event) => event._tag === "Notification" ? Option.some(event.payload) : Option.none())
)

/**
 * Notifies whoever listens to a channel; in a transaction at its COMMIT, and not at all where it is rolled back.
 *
 * A payload of 8,000 bytes or more is a LimitError, before anything is sent.
 *
 * @example
 * ```ts
 * import { Database } from "@sluice/core"
 * import { Postgres } from "@sluice/postgres"
 * import { Effect } from "effect"
 *
 * const add = Effect.gen(function*() {
 *   const db = yield* Database.Database
 *   yield* db`INSERT INTO orders DEFAULT VALUES`
 *   yield* Postgres.notify(db, "orders", "added")
 * })
 * const program = Effect.flatMap(Database.Database, (db) => db.transaction(add))
 * ```
 *
 * @category verbs
 * @since 0.1.0
 */
export const notify: {
  (channel: string, payload?: string): (db: Database.Database) => Effect.Effect<void, SqlError.SqlError>
  (db: Database.Database, channel: string, payload?: string): Effect.Effect<void, SqlError.SqlError>
} = dual(
  (args) => typeof args[0] !== "string",
  (db: Database.Database, channel: string, payload = ""): Effect.Effect<void, SqlError.SqlError> => {
    if (Listening.of(db.dialect) === undefined) return foreign("notify")
    const refusal = refused(channel) ?? tooLong(payload)
    // NOTIFY itself takes no parameters. By its text it is a SELECT, which a replica would get.
    return refusal === undefined ? Effect.asVoid(Database.onPrimary(db.unsafe("SELECT pg_notify($1, $2)", [channel, payload]))) : Effect.fail(refusal)
  }
)

const alone = (message: string): SqlError.SqlError => SqlError.make(new Reason.UnsupportedError({ message, capability: "listen" }))

const refused = (channel: string): SqlError.SqlError | undefined => {
  const bytes = Buffer.byteLength(channel)
  const why = channel === "" ? "must not be empty" : channel.includes("\0") ? "must hold no NUL" : bytes > 63 ? `must take at most 63 bytes, takes ${bytes}` : undefined
  return why === undefined ? undefined : SqlError.make(new Reason.ConfigError({ message: `channel ${why}`, field: "channel", operation: "listen" }))
}

const tooLong = (payload: string): SqlError.SqlError | undefined => {
  const actual = Buffer.byteLength(payload)
  return actual <= maximum ? undefined : SqlError.make(new Reason.LimitError({
    message: `the payload takes ${actual} bytes, and a notification at most ${maximum}`,
    limit: "payload", maximum, actual, operation: "notify"
  }))
}

const maximum = 7_999
