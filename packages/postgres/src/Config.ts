/**
 * Config: how a server is reached, and what its sessions are like. Types alone.
 *
 * Its checks are in `internal/options`. Exported through `Postgres`.
 *
 * @since 0.1.0
 */
import type * as Credentials from "@sluice/core/Credentials"
import type * as Database from "@sluice/core/Database"
import type * as Hosts from "@sluice/core/Hosts"
import type * as Tls from "@sluice/core/Tls"
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type { Codec } from "./Codecs.js"

/**
 * How a server is reached, and what every session is opened with. Durations are milliseconds where they are numbers. A
 * field that cannot work fails the layer with a ConfigError that names it.
 *
 * A field wins over the url, the url over the service, the service over the environment, and that over the defaults. Where one of them
 * says where the server is, the hosts of the later ones are not looked at.
 *
 * Several `hosts`: a server is a standby while it recovers (`in_hot_standby`), and read-only as well where
 * `default_transaction_read_only` is on. Where writes are wanted, a statement that is refused because the server has become
 * read-only is a retryable ConnectionError.
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
export interface Config extends Database.Config, Hosts.Config {
  /**
   * `postgres://user:password@host:port/database`, or `postgresql:`, with several hosts separated by commas; or libpq's
   * `host=a,b user=app`. Its options are libpq's keywords, those of TLS, `target_session_attrs`, `service` and `passfile` among
   * them, and `search_path`, `TimeZone`, `statement_timeout` and `lock_timeout`; another one is a ConfigError. A field beside
   * it wins.
   */
  readonly url?: string | Redacted.Redacted | undefined
  /** A name, an address, or the folder of a socket, which begins with a slash. Default `localhost`. */
  readonly host?: string | undefined
  /** Default 5432. */
  readonly port?: number | undefined
  /** Default: the username. */
  readonly database?: string | undefined
  /** Default: the name of the process's user, as libpq has it. */
  readonly username?: string | undefined
  /**
   * Asked for at each connect. One that is cached (`Credentials.cachedInvalidate`) and that the server refuses is
   * forgotten, and asked for once more. Default: that of the password file, or none.
   */
  readonly password?: Redacted.Redacted | Credentials.Credentials | Credentials.Cached | undefined
  /**
   * Whether libpq's variables are read, through Effect's ConfigProvider: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE,
   * PGSERVICE, PGSSLMODE and so on; and, where they are there, the user's own files: `~/.pgpass`, `~/.pg_service.conf` and the
   * certificates in `~/.postgresql`. Default false: what is not said here is a default, on every machine the same.
   */
  readonly environment?: boolean | undefined
  /** A service of the service file, whose keywords are as those of a url. One that is not defined is a ConfigError. */
  readonly service?: string | undefined
  /** The service file. Default: `~/.pg_service.conf`, and then the system's. */
  readonly serviceFile?: string | undefined
  /**
   * A password file, `host:port:database:user:password` in its lines, read at each connect where no password is given. One
   * that is not there, or has a malformed line, is a ConfigError; one that others may read is not used, with a warning, as
   * libpq has it. Default: none, or `~/.pgpass` with `environment`.
   */
  readonly passFile?: string | undefined
  /**
   * How TLS is spoken, with libpq's meanings: `allow` only where the server insists and `prefer` only where it can, and
   * neither checks whom it speaks to; `require` checks nobody, unless an authority is given: then it is `verify-ca`, which checks
   * the certificate, and `verify-full` its name as well. Default `disable`; `verify-full` where a url, a service or `tls` names
   * certificates. A socket has no TLS.
   */
  readonly sslmode?: "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full" | undefined
  /**
   * The certificates, and what else is of TLS; its `mode` stands in the place of `sslmode`. `true` is `verify-full`, `false` is `disable`.
   * A file of a key that others may read is a ConfigError. Default: none.
   */
  readonly tls?: boolean | Tls.Tls | undefined
  /**
   * Whether SCRAM is bound to the TLS connection (SCRAM-SHA-256-PLUS), which whoever sits between cannot do: `prefer` where
   * the server has it, `require` or else AuthenticationError. Default `prefer`, as libpq.
   */
  readonly channelBinding?: "disable" | "prefer" | "require" | undefined
  /**
   * What the server may ask for, as libpq's `require_auth`: a list of `password`, `md5`, `scram-sha-256` and `none`, or of
   * those that it may not, each with an exclamation mark. Anything else is an AuthenticationError before a password is sent.
   * Default: anything.
   */
  readonly requireAuth?: string | undefined
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
   * Codecs by the types' names, as of types that PostgreSQL is not built with: `{ hstore: Postgres.hstore }`. One for a type
   * that it is built with wins over the other settings. A type that is not there fails the connecting with a ConfigError.
   * Default: their exact text.
   */
  readonly types?: Readonly<Record<string, Pick<Codec<unknown>, "decode">>> | undefined
  /**
   * A statement that fails in a transaction, or is interrupted there, leaves it as it was before: each runs in a savepoint,
   * and so does each chunk of a stream. Without it the transaction has failed for all of its statements, as the server has
   * it. Default false.
   */
  readonly statementSavepoints?: boolean | undefined
  /**
   * `"transaction"`: what is connected to is PgBouncer, or its like, in transaction mode, where each transaction may run in
   * another session of the server. Then no statement is prepared by name, and what is about the session is refused with
   * UnsupportedError before it is sent: `db.session`, `db.reserve`, SET (not SET LOCAL), LISTEN, PREPARE, temporary tables (but
   * for ON COMMIT DROP), advisory locks that outlive their transaction. `initCommand`, and parameters other than
   * `application_name` and `TimeZone`, are ConfigErrors: PgBouncer brings no other along. Default: a server.
   */
  readonly pooler?: "transaction" | undefined
  /**
   * Statements that are sent behind each other on one connection, without waiting for the answers before them: more of them
   * in a second, and `lanes` connections of `pool.max` are enough for most. It is for single statements alone, whose words
   * leave nothing in the session; transactions, sessions, streams, COPY and SET have a connection to themselves, and so
   * does a statement of a database with replicas. Lanes are nothing apart: they are leases, and a pool in which somebody waits
   * for a connection lets one run dry.
   *
   * What it costs: a statement waits for those before it on its lane, at most 64. A lane that gives no answer for 20
   * ms takes no more. One that is interrupted, or times out, is stopped on the server only when nobody's statement is on
   * that lane with it; else it runs on and its result is discarded (`capabilities.cancel` is `"detached"`). So a statement
   * that may take long, or wait for a lock, is better off in a transaction. Not with a `pooler`, nor `pool.reset: "always"`.
   * Default: none.
   */
  readonly pipeline?: { readonly lanes: number } | undefined
  /** Prepared statements that each connection keeps on the server; 0 prepares none by name. Default 200. */
  readonly maxPreparedStatements?: number | undefined
}
