/**
 * Credentials: a secret as an effect, run once for each physical connection, so that a rotated one is seen.
 *
 * It says where a secret comes from and how long it is kept. It does not know how a server is told, nor which user
 * it belongs to. Taken by the dialects' configs; run by what opens their connections.
 *
 * @since 0.1.0
 */
import * as Command from "@effect/platform/Command"
import * as CommandExecutor from "@effect/platform/CommandExecutor"
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { Keep } from "./internal/credentials/Keep.js"
import { fraction, millis } from "./Options.js"
import * as Reason from "./Reason.js"
import * as SqlError from "./SqlError.js"

/**
 * A secret that is asked for when a connection is opened. It fails with AuthenticationError where the source refused or
 * broke, and with ConfigError where there is no such source; both name the source, and never the secret.
 *
 * @example
 * ```ts
 * import { Credentials } from "@sluice/core"
 * import { Config } from "effect"
 *
 * const password: Credentials.Credentials = Credentials.fromConfig(Config.redacted("PGPASSWORD"))
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Credentials = Effect.Effect<Redacted.Redacted, Failure>

/**
 * What credentials fail with.
 *
 * @example
 * ```ts
 * import type { Credentials } from "@sluice/core"
 *
 * const source = (failure: Credentials.Failure): string => failure.message
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Failure = SqlError.SqlError<Reason.AuthenticationError | Reason.ConfigError>

/**
 * A secret that says how long it lives: a token.
 *
 * @example
 * ```ts
 * import type { Credentials } from "@sluice/core"
 * import { Redacted } from "effect"
 *
 * const token: Credentials.Issued = { secret: Redacted.make("eyJ…"), expiresIn: "1 hour" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Issued {
  /** The secret. */
  readonly secret: Redacted.Redacted
  /** How long it lives, counted from when it was asked for. Milliseconds where it is a number. Without it: `timeToLive`. */
  readonly expiresIn?: Duration.DurationInput | undefined
}

/**
 * Options of `cached`.
 *
 * @example
 * ```ts
 * import type { Credentials } from "@sluice/core"
 *
 * const options: Credentials.CachedOptions = { name: "vault", timeToLive: "15 minutes" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface CachedOptions {
  /** Names the source in errors. Default `the secret's source`. */
  readonly name?: string | undefined
  /**
   * The life of a secret that does not say its own; `Duration.infinity` keeps it for ever. Default zero: it is asked for
   * anew at each connect, and only connects that wait at the same time share it.
   */
  readonly timeToLive?: Duration.DurationInput | undefined
  /** The share of its life for which a secret is kept, 0 to 1. Default 0.9, as fastmssql's Azure tokens. */
  readonly share?: number | undefined
}

/**
 * Cached credentials, with a way to drop what is kept.
 *
 * @example
 * ```ts
 * import type { Credentials } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const anew = (cache: Credentials.Cached) => Effect.zipRight(cache.invalidate, cache.credentials)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Cached {
  /** The secret, kept or asked for. */
  readonly credentials: Credentials
  /** Forgets the secret, for when a server refused it. One that is being asked for is not affected. */
  readonly invalidate: Effect.Effect<void>
}

/**
 * A secret that never changes.
 *
 * @example
 * ```ts
 * import { Credentials } from "@sluice/core"
 * import { Redacted } from "effect"
 *
 * const password = Credentials.fixed(Redacted.make("hunter2"))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fixed = (secret: Redacted.Redacted): Credentials => Effect.succeed(secret)

/**
 * A secret or credentials, as a dialect's config takes them, as credentials.
 *
 * @example
 * ```ts
 * import { Credentials } from "@sluice/core"
 * import { Redacted } from "effect"
 *
 * const password = Credentials.from(Redacted.make("hunter2"))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const from = (secret: Redacted.Redacted | Credentials): Credentials => Redacted.isRedacted(secret) ? fixed(secret) : secret

/**
 * A secret of the configuration, such as an environment variable. It is read at each connect. One that is missing or
 * malformed is a ConfigError whose `field` is its path.
 *
 * @example
 * ```ts
 * import { Credentials } from "@sluice/core"
 * import { Config } from "effect"
 *
 * const password = Credentials.fromConfig(Config.redacted("MYSQL_PWD"))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromConfig = (config: Config.Config<Redacted.Redacted>): Credentials =>
  Effect.mapError(Effect.suspend(() => config), (error) => {
    // A check of the user's own may fail without a path.
    const fields = pathsOf(error).map(([path, why]) => [path === "" ? "credentials.config" : path, why] as const)
    // The error's own words may quote the value that did not fit.
    return SqlError.make(
      new Reason.ConfigError({
        message: `the configuration has no secret at ${fields.map(([path, why]) => `${path} (${why})`).join(", ")}`,
        field: fields[0]?.[0] ?? "credentials.config"
      })
    )
  })

const pathsOf = (error: ConfigError.ConfigError): ReadonlyArray<readonly [path: string, why: string]> =>
  error._op === "And" || error._op === "Or" ? [...pathsOf(error.left), ...pathsOf(error.right)] : [[error.path.join("."), reasons[error._op]]]

const reasons = { InvalidData: "malformed", MissingData: "missing", SourceUnavailable: "unavailable", Unsupported: "unsupported" } as const

/**
 * The content of a file, without the newline at its end, as Docker's and Kubernetes' secrets are. Read at each connect. A
 * file that is missing, unreadable or empty is a ConfigError that names it.
 *
 * @example
 * ```ts
 * import { Credentials } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const password = Effect.flatMap(Credentials.fromFile("/run/secrets/db"), (credentials) => credentials)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromFile = (path: string): Effect.Effect<Credentials, never, FileSystem.FileSystem> =>
  Effect.map(FileSystem.FileSystem, (files) =>
    Effect.flatMap(
      Effect.mapError(files.readFileString(path), (error) => lacking("credentials.file", `the file ${path} cannot be read: ${kindOf(error)}`)),
      (text): Credentials => {
        const secret = withoutNewline(text)
        return secret === "" ? Effect.fail(lacking("credentials.file", `the file ${path} is empty`)) : Effect.succeed(Redacted.make(secret))
      }
    ))

/**
 * What a command prints, without the newline at its end, such as `aws rds generate-db-auth-token`. Run at each connect;
 * interrupting stops it. A command that cannot be started is a ConfigError; one that exits with other than 0, or prints
 * nothing, an AuthenticationError. Both name the program and not its arguments, which may hold a secret; what it writes to
 * its standard error is dropped for the same reason.
 *
 * @example
 * ```ts
 * import { Command } from "@effect/platform"
 * import { Credentials } from "@sluice/core"
 *
 * const password = Credentials.fromCommand(Command.make("pass", "show", "db/orders"))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromCommand = (command: Command.Command): Effect.Effect<Credentials, never, CommandExecutor.CommandExecutor> =>
  Effect.map(CommandExecutor.CommandExecutor, (executor) => {
    const name = Command.flatten(command).map((each) => each.command).join(" | ")
    const broke = (words: string) => denied(`the command ${name} ${words}`)
    return Effect.scoped(Effect.gen(function*() {
      const process = yield* Effect.mapError(
        executor.start(command),
        (error) => lacking("credentials.command", `the command ${name} cannot be started: ${kindOf(error)}`)
      )
      const [text, exit] = yield* Effect.mapError(
        // Standard error is read too: a process that fills its pipe would wait for ever.
        Effect.all([Stream.mkString(Stream.decodeText(process.stdout)), process.exitCode, Stream.runDrain(process.stderr)], {
          concurrency: "unbounded"
        }),
        (error) => broke(`broke: ${kindOf(error)}`)
      )
      if (exit !== 0) return yield* Effect.fail(broke(`exited with ${exit}`))
      const secret = withoutNewline(text)
      return secret === "" ? yield* Effect.fail(broke("printed nothing")) : Redacted.make(secret)
    }))
  })

/**
 * Asks someone: a password prompt, a code of a second factor. Asked at each connect, one question at a time; with
 * `cached` around it, once. A failure of the asking is an AuthenticationError.
 *
 * @example
 * ```ts
 * import { Credentials } from "@sluice/core"
 * import { Effect } from "effect"
 *
 * const code = Credentials.prompt(Effect.promise(() => Promise.resolve("123456")), { name: "the code of your phone" })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const prompt = <E>(
  ask: Effect.Effect<string | Redacted.Redacted, E>,
  options: { readonly name?: string | undefined } = {}
): Credentials => {
  const oneAtATime = Effect.unsafeMakeSemaphore(1).withPermits(1)
  return oneAtATime(Effect.mapBoth(ask, {
    onSuccess: (secret) => typeof secret === "string" ? Redacted.make(secret) : secret,
    onFailure: (error) => lift(options.name ?? "the prompt", error)
  }))
}

/**
 * Keeps a secret for 90 % of its life, and asks for it once for all connects that wait.
 *
 * A failure fails those who waited for it and is not kept. The asking is nobody's own: a connect that is interrupted
 * leaves it to the others, and only when the last of them is gone it is interrupted. Errors that are not of
 * `Failure` become AuthenticationErrors. A `timeToLive` or a `share` that cannot work is a ConfigError.
 *
 * @example
 * ```ts
 * import { Credentials } from "@sluice/core"
 * import { Effect, Redacted } from "effect"
 *
 * const fetchToken = Effect.succeed({ secret: Redacted.make("eyJ…"), expiresIn: "1 hour" as const })
 * const credentials = Credentials.cached(fetchToken, { name: "the token service" })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const cached = <E, R>(
  secret: Effect.Effect<Redacted.Redacted | Issued, E, R>,
  options?: CachedOptions
): Effect.Effect<Credentials, SqlError.SqlError<Reason.ConfigError>, R> =>
  Effect.map(cachedInvalidate(secret, options), (cache) => cache.credentials)

/**
 * As `cached`, with a way to drop what is kept: for a secret that was rotated before its time.
 *
 * @example
 * ```ts
 * import { Credentials } from "@sluice/core"
 * import { Config, Duration } from "effect"
 *
 * const cache = Credentials.cachedInvalidate(Config.redacted("TOKEN"), { timeToLive: Duration.infinity })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const cachedInvalidate = <E, R>(
  secret: Effect.Effect<Redacted.Redacted | Issued, E, R>,
  options: CachedOptions = {}
): Effect.Effect<Cached, SqlError.SqlError<Reason.ConfigError>, R> =>
  Effect.gen(function*() {
    const name = options.name ?? "the secret's source"
    const timeToLive = yield* millis("credentials.timeToLive", options.timeToLive, 0, "zero")
    const share = yield* fraction("credentials.share", options.share, 0.9)
    const context = yield* Effect.context<R>()
    const issue = Effect.map(
      Effect.mapError(Effect.provide(secret, context), (error) => lift(name, error)),
      (given): Issued => Redacted.isRedacted(given) ? { secret: given } : given
    )
    return new Keep(issue, denied(`${name} was interrupted`), timeToLive, share)
  })

const lacking = (field: string, message: string): SqlError.SqlError<Reason.ConfigError> =>
  SqlError.make(new Reason.ConfigError({ message, field }))

const denied = (message: string, error?: unknown): SqlError.SqlError<Reason.AuthenticationError> =>
  SqlError.make(
    new Reason.AuthenticationError({
      message,
      operation: "connect",
      cause: error,
      // A token service that is away for a moment may be asked again.
      isRetryable: SqlError.isSqlError(error) && error.isRetryable
    })
  )

/** Failures of ours stay; of another one only its tag is told, since its words may quote what it was given. */
const lift = (name: string, error: unknown): Failure =>
  isFailure(error) ? error : denied(`${name} gave no secret (${tagOf(error)})`, error)

const isFailure = (error: unknown): error is Failure =>
  SqlError.isSqlError(error) && (error.reason._tag === "AuthenticationError" || error.reason._tag === "ConfigError")

const tagOf = (error: unknown): string =>
  SqlError.isSqlError(error)
    ? error.reason._tag
    : Predicate.hasProperty(error, "_tag") && typeof error._tag === "string"
    ? error._tag
    : error instanceof Error
    ? error.name
    : typeof error

const kindOf = (error: PlatformError): string => error._tag === "SystemError" ? error.reason : error._tag

const withoutNewline = (text: string): string => text.replace(/\r?\n$/, "")
