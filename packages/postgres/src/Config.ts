/**
 * Config: how a server is reached, and what its sessions are like. Types alone.
 *
 * Its checks are in `internal/options`. Exported through `Postgres`.
 *
 * @since 0.1.0
 */
import type * as Database from "@sluice/core/Database"
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type { Codec } from "./Codecs.js"

/**
 * How TLS is spoken. The server's certificate and its name are checked unless this says otherwise.
 *
 * @example
 * ```ts
 * import type { Postgres } from "@sluice/postgres"
 * import { readFileSync } from "node:fs"
 *
 * const tls: Postgres.Tls = { ca: readFileSync("ca.pem", "utf8") }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Tls {
  /** Certificates that are trusted, in PEM. Default: Node's own. */
  readonly ca?: string | undefined
  /** The client's certificate, in PEM. */
  readonly cert?: string | undefined
  /** The client's key, in PEM. */
  readonly key?: Redacted.Redacted | undefined
  /** The passphrase of the client's key. */
  readonly passphrase?: Redacted.Redacted | undefined
  /** Whether a certificate that nobody vouches for fails the connecting. Default true. */
  readonly rejectUnauthorized?: boolean | undefined
  /** Whether the certificate must be for this host. Default as `rejectUnauthorized`. */
  readonly verifyIdentity?: boolean | undefined
}

/**
 * How a server is reached, and what every session is opened with. Durations are milliseconds where they are numbers. A
 * field that cannot work fails the layer with a ConfigError that names it; the environment's `PG*` are not read.
 *
 * Types out: int8 is a number, or a bigint with `integers: "bigint"`, and a value that a number would round is a DataError;
 * smaller integers and floats are numbers. numeric, date, time, interval, timestamps, uuid, json, enums, ranges and
 * composites are their exact text, bytea is bytes, arrays are arrays of those.
 *
 * Types in: a number means what the same literal would, int4, int8 or numeric; a bigint int8 or numeric; a BigDecimal is
 * numeric, bytes are bytea. Text, a Date, a DateTime, arrays and plain objects (as JSON) take the type of the place where
 * they stand; where there is none, as in `SELECT ${"a"}`, that is text.
 *
 * @example
 * ```ts
 * import type { Postgres } from "@sluice/postgres"
 * import { Redacted } from "effect"
 *
 * const config: Postgres.Config = {
 *   url: "postgres://app@db.example.com/orders?application_name=orders",
 *   password: Redacted.make("…"),
 *   parameters: { search_path: "orders, public" },
 *   pool: { max: 20 }
 * }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Config extends Database.Config {
  /**
   * `postgres://user:password@host:port/database`, or `postgresql:`. Its options are `application_name`, `search_path`,
   * `TimeZone`, `statement_timeout`, `lock_timeout`, `options`, and `host` for the folder of a socket; another one is a
   * ConfigError. A field beside it wins.
   */
  readonly url?: string | Redacted.Redacted | undefined
  /** A name, an address, or the folder of a socket, which begins with a slash. Default `localhost`. */
  readonly host?: string | undefined
  /** Default 5432. */
  readonly port?: number | undefined
  /** Default: the username. */
  readonly database?: string | undefined
  /** Default `postgres`. */
  readonly username?: string | undefined
  /** Default: none. */
  readonly password?: Redacted.Redacted | undefined
  /** `true`: a server that is not proven to be the one fails the connecting. Default false. */
  readonly tls?: boolean | Tls | undefined
  /** How long one connecting may take, the login included; then ConnectionError. Default 10 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** What the server's list of sessions calls it. Default: nothing. */
  readonly applicationName?: string | undefined
  /** Run-time parameters of every session, as `search_path`; a reset of the session comes back to them. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
  /** Statements that every session runs when it is new, and again after every reset. */
  readonly initCommand?: string | ReadonlyArray<string> | undefined
  /** `TimeZone` of every session: what a timestamptz is shown in. Default: the server's for the user and the database. */
  readonly timezone?: string | undefined
  /**
   * timestamp and timestamptz as their exact text (default), or as Date, a timestamp in UTC: then an infinity, or
   * microseconds beyond a Date's milliseconds, is a DataError.
   */
  readonly dates?: "string" | "date" | undefined
  /** json and jsonb as their exact text (default), or parsed, where numbers are a double's. */
  readonly json?: "string" | "parsed" | undefined
  /**
   * Codecs of types that PostgreSQL is not built with, by the types' names: `{ hstore: Postgres.hstore }`. A type that is not
   * there fails the connecting with a ConfigError. Default: their exact text.
   */
  readonly types?: Readonly<Record<string, Pick<Codec<unknown>, "decode">>> | undefined
  /**
   * A statement that fails in a transaction, or is interrupted there, leaves it as it was before: each runs in a savepoint.
   * Without it the transaction has failed for all of its statements, as the server has it. Streams have none. Default
   * false.
   */
  readonly statementSavepoints?: boolean | undefined
  /** Prepared statements that each connection keeps on the server; 0 prepares none by name. Default 200. */
  readonly maxPreparedStatements?: number | undefined
}
