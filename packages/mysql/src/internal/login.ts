/**
 * Logging in: a driver connection, opened with the secret of this moment (law P8).
 *
 * Where the server refuses a secret that is kept, it is forgotten and asked for once more: it may have been rotated. What a
 * session is made after that is in `session`. Called by `wire`.
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
import * as Driver from "./driver.js"
import { toSqlError } from "./errors.js"
import type { Settings } from "./options.js"
import type { Ways } from "./tls.js"

/** What the user logs in with. */
export interface Secret {
  readonly credentials: Credentials.Credentials
  /** Forgets a secret that is kept. */
  readonly invalidate: Effect.Effect<void> | undefined
}

/** Opens a connection; `made` takes it over before anything else can happen to it. */
export const login = <A>(settings: Settings, made: (raw: Driver.Raw, status: number | undefined) => A): Effect.Effect<A, SqlError.SqlError> => {
  const { secret } = settings
  if (secret === undefined) return inWays(settings, undefined, made)
  const attempt = Effect.flatMap(secret.credentials, (password) => inWays(settings, Redacted.value(password), made))
  const { invalidate } = secret
  return invalidate === undefined ? attempt
    : Effect.catchIf(attempt, (error) => error.reason._tag === "AuthenticationError", () => Effect.zipRight(invalidate, attempt))
}

/** The other way only where the server has no TLS: a handshake that fails is somebody's doing. */
const inWays = <A>(
  settings: Settings,
  password: string | undefined,
  made: (raw: Driver.Raw, status: number | undefined) => A
): Effect.Effect<A, SqlError.SqlError> => {
  const [first, second] = settings.ways
  const attempt = open(settings, first, password, made)
  return second === undefined ? attempt : Effect.catchIf(attempt, (error) => error.reason.code === "HANDSHAKE_NO_SSL_SUPPORT", () => open(settings, second, password, made))
}

const unknownDriver = (): Reason.UnsupportedError =>
  new Reason.UnsupportedError({ message: "this version of mysql2 is not known: it lacks what its packets are read by", capability: "mysql2", operation: "connect", connection: "broken" })

const open = <A>(
  settings: Settings,
  tls: Ways[0],
  password: string | undefined,
  made: (raw: Driver.Raw, status: number | undefined) => A
): Effect.Effect<A, SqlError.SqlError> =>
  Effect.async((resume) => {
    const { watch } = settings
    let raw: Driver.Raw | undefined
    try {
      raw = Driver.open({ ...settings.driver, ...(password === undefined ? {} : { password }) }, tls, (detail) => watch?.passed("TLS", detail))
    } catch (error) {
      return resume(SqlError.fail(new Reason.ConfigError({ message: "the driver refuses the options", field: "clientFlags", operation: "connect", cause: error })))
    }
    if (raw === undefined) return resume(SqlError.fail(unknownDriver()))
    if (watch !== undefined) Examination.follow(raw.stream, watch)
    let failed: Driver.DriverError | undefined
    // Without a listener of its own an 'error' event ends the process.
    raw.on("error", (error) => {
      failed ??= error
    })
    raw.connect((error, handshake) => {
      const problem = error ?? failed
      if (problem === undefined || problem === null) return resume(Exit.succeed(made(raw, handshake?.statusFlags)))
      raw.destroy()
      raw.stream.destroy()
      return resume(Exit.fail(toSqlError(problem, { operation: "connect" })))
    })
    return Effect.sync(() => {
      raw.destroy()
      raw.stream.destroy()
    })
  })
