/**
 * Logging in: a session's socket, opened with the secret of this moment (law P8), in the ways that `sslmode` allows.
 *
 * Where the server refuses a secret that is kept, it is forgotten and asked for once more: it may have been rotated. What a
 * session is made after that is in `session`, which calls this.
 *
 * @internal
 */
import type * as Credentials from "@sluice/core/Credentials"
import * as Examination from "@sluice/core/Examination"
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import type { ConnectionOptions as TlsOptions } from "node:tls"
import { watch } from "./authentication.js"
import * as Driver from "./driver.js"
import { toSqlError } from "./errors.js"
import type { Settings } from "./options.js"

/** What the user logs in with. */
export interface Secret {
  readonly credentials: Effect.Effect<Redacted.Redacted | undefined, Credentials.Failure>
  /** Forgets a secret that is kept. */
  readonly invalidate: Effect.Effect<void> | undefined
}

/** Gets a session that has begun, before anything else can happen to it. */
type Made<A> = (raw: Driver.Raw, parameters: Map<string, string>) => A

/** Connects and logs in. Interrupted, it leaves no socket behind. */
export const login = <A>(settings: Settings, made: Made<A>): Effect.Effect<A, SqlError.SqlError> => {
  const { secret } = settings
  if (secret === undefined) return inWays(settings, undefined, made)
  const attempt = Effect.flatMap(secret.credentials, (password) => inWays(settings, password === undefined ? undefined : Redacted.value(password), made))
  const { invalidate } = secret
  return invalidate === undefined ? attempt
    : Effect.catchIf(attempt, (error) => error.reason._tag === "AuthenticationError", () => Effect.zipRight(invalidate, attempt))
}

/** As libpq has `allow` and `prefer`: the other way where the first one was refused. */
const inWays = <A>(settings: Settings, password: string | undefined, made: Made<A>): Effect.Effect<A, SqlError.SqlError> => {
  const [first, second] = settings.ways
  const attempt = open(settings, first ?? false, password, made)
  return second === undefined ? attempt
    : Effect.catchIf(attempt, mayDoOtherwise, (refusal) =>
      // Of two refusals the first says more where the second is only that there is no TLS.
      Effect.mapError(open(settings, second, password, made), (error) => lacksTls(error) ? refusal : error))
}

/**
 * The server lets nobody in this way, or TLS did not come about. A wrong password would be as wrong, and libpq, which tries
 * it again, shows it to whoever listens.
 */
const mayDoOtherwise = ({ reason }: SqlError.SqlError): boolean =>
  reason.sqlState === "28000" || (reason._tag === "ConnectionError" && reason.sqlState === undefined && !reason.isRetryable)

const lacksTls = (error: SqlError.SqlError): boolean => error.reason.sqlState === undefined && error.message.includes("does not support SSL")

const unknownDriver = (): Reason.UnsupportedError =>
  new Reason.UnsupportedError({ message: "this version of pg is not known: it lacks what its sessions are read by", capability: "pg", operation: "connect", connection: "broken" })

const open = <A>(settings: Settings, ssl: false | TlsOptions, password: string | undefined, made: Made<A>): Effect.Effect<A, SqlError.SqlError> =>
  Effect.async((resume) => {
    const { demands, driver, watch: told } = settings
    // The driver hides parts of what it is given: each connection has its own.
    const raw = Driver.open({
      ...driver,
      ssl: ssl === false ? false : { ...ssl },
      password: () => password ?? "",
      enableChannelBinding: ssl !== false && demands.channelBinding !== "disable"
    }, settings.parameters)
    if (raw === undefined) return resume(SqlError.fail(unknownDriver()))
    if (told !== undefined) {
      Examination.follow(raw.connection.stream, told)
      Driver.onSecure(raw, (detail) => told.passed("TLS", detail))
    }
    const parameters = new Map<string, string>()
    raw.connection.on("parameterStatus", (told) => parameters.set(told.parameterName, told.parameterValue))
    const end = (): void => {
      raw.connection.stream.on("error", () => {}).destroy()
    }
    let isOver = false
    const fail = (error: SqlError.SqlError): void => {
      if (isOver) return
      isOver = true
      end()
      resume(Exit.fail(error))
    }
    const lost = (error: Driver.DriverError): void => fail(toSqlError(error, { operation: "connect" }))
    // Without a listener of its own an 'error' event ends the process.
    raw.on("error", lost)
    watch(raw, demands, password !== undefined, (message) => fail(SqlError.make(new Reason.AuthenticationError({ message, operation: "connect" }))))
    raw.connect((error) => {
      if (error !== undefined && error !== null) return lost(error)
      if (isOver) return
      isOver = true
      resume(Exit.succeed(made(raw, parameters)))
    })
    return Effect.sync(() => {
      isOver = true
      end()
    })
  })
