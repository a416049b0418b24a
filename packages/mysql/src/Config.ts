/**
 * The config of MySQL and MariaDB: every field, its unit and its default.
 *
 * Types alone: what a field cannot be is said by `internal/options`. Its names are those of the public module: `Mysql.Config`.
 *
 * @since 0.1.0
 */
import type * as Credentials from "@sluice/core/Credentials"
import type * as Database from "@sluice/core/Database"
import type * as Hosts from "@sluice/core/Hosts"
import type * as Tls from "@sluice/core/Tls"
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type { Decoders, Encoder } from "./Codecs.js"

/**
 * How a server is reached, and what every session is opened with. Durations are milliseconds where they are numbers. A
 * field that cannot work fails the layer with a ConfigError that names it.
 *
 * Several `hosts`: a server is a standby when `read_only` is on, and then `read-only` as well; `primary` and `read-write` are
 * the others. A user who may write all the same (SUPER, READ ONLY ADMIN) is not warned by the server. Where writes are
 * wanted, a statement that is refused because the server has become read-only is a retryable ConnectionError.
 *
 * Types: BIGINT is a number, or a bigint with `integers: "bigint"`, and a value that a number would round is a DataError;
 * smaller integers are always numbers. DECIMAL is its exact text, or a BigDecimal with `decimals: "BigDecimal"`; DATE, TIME and
 * JSON are their exact text, BIT, binary strings, geometry and vectors are bytes. A FLOAT is its shortest number; of a statement that
 * is not prepared the server prints six digits of it. `decoders` say otherwise, type by type.
 * Parameters are texts, numbers, bigints, booleans, Dates, bytes, BigDecimals and null; a Date goes in as its wall clock in
 * `timezone`, with milliseconds. `encoders` add to them.
 *
 * @example
 * ```ts
 * import type { Mysql } from "@sluice/mysql"
 * import { Redacted } from "effect"
 *
 * const config: Mysql.Config = {
 *   url: "mysql://app@db.example.com/orders?charset=utf8mb4",
 *   password: Redacted.make("…"),
 *   sqlMode: "STRICT_ALL_TABLES",
 *   pool: { max: 20 }
 * }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Config extends Database.Config, Hosts.Config {
  /**
   * `mysql://user:password@host:port/database`, the same with `mariadb:`, or SQLAlchemy's `mysql+aiomysql:`; several hosts
   * are separated by commas. Its options are `unixSocket` (`unix_socket`), `charset`, `collation`, `timezone`,
   * `targetSessionAttrs` and `loadBalanceHosts`; another one is a ConfigError. A field beside it wins.
   */
  readonly url?: string | Redacted.Redacted | undefined
  /** Default `localhost`, over TCP. */
  readonly host?: string | undefined
  /** Default 3306. */
  readonly port?: number | undefined
  /** The path of a socket, or of a Windows pipe (`\\.\pipe\MySQL`), in the place of host and port. */
  readonly unixSocket?: string | undefined
  /** The database that unqualified names are in. Default: none. */
  readonly database?: string | undefined
  /** Default: the name of the process's user, as MySQL's own programs have it. */
  readonly username?: string | undefined
  /**
   * Asked for at each connect. One that is cached (`Credentials.cachedInvalidate`) and that the server refuses is
   * forgotten, and asked for once more. Default: none.
   */
  readonly password?: Redacted.Redacted | Credentials.Credentials | Credentials.Cached | undefined
  /**
   * An option file (`my.cnf`), as MySQL's programs read it: `[client]`, with `!include`, quotes and escapes. Known are
   * user, password, host, port, socket, database, default-character-set, connect-timeout, init-command, compress, ssl-*, tls-version
   * and tls-ciphersuites; ssl-capath and ssl-crlpath are refused by their names. A file that is not there, or that everybody
   * may write, is a ConfigError. The url and the fields of this config win.
   */
  readonly readDefaultFile?: string | undefined
  /**
   * A group that is read beside `[client]`; without `readDefaultFile` from the files that MySQL's programs look for, where
   * they are there. `MYSQL_GROUP_SUFFIX` adds the groups with that suffix.
   */
  readonly readDefaultGroup?: string | undefined
  /**
   * How TLS is spoken; `true`: a server that is not proven to be the one fails the connecting. `prefer` goes on without TLS only
   * where the server has none. Default false. A clear-text password is sent over TLS only.
   */
  readonly tls?: boolean | Tls.Tls | undefined
  /**
   * The server's RSA key, in PEM, by which caching_sha2_password and sha256_password encrypt the password where there is no
   * TLS. Without it the server is asked for its key, and whoever sits in between may answer: then it is they who get the
   * password. Use TLS, or this.
   */
  readonly serverPublicKey?: string | undefined
  /** zlib over the whole connection, where the server has it. Default false. zstd is an UnsupportedError: the driver has none. */
  readonly compress?: boolean | "zlib" | "zstd" | { readonly algorithm: "zlib" | "zstd"; readonly level?: number | undefined } | undefined
  /** Flags that are announced at the login, such as `INTERACTIVE`; with a dash before it one is left out. Default: none. */
  readonly clientFlags?: ReadonlyArray<string> | undefined
  /**
   * Whether one call may send several statements, which makes an injection worse. Default false: then one call is one
   * statement. Such a text is not prepared; `.results` has an entry for each of its statements.
   */
  readonly multipleStatements?: boolean | undefined
  /** How long one connecting may take, the login included; then ConnectionError. Default 10 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /**
   * `character_set_connection`: utf8mb4 (default), utf8mb3, utf8, latin1 or ascii. On the wire it is always utf8mb4, so
   * that nothing that is read is lost; a text that the character set has no place for is a DataError.
   */
  readonly charset?: string | undefined
  /** The connection's collation. Default: the server's for the character set. */
  readonly collation?: string | undefined
  /**
   * `sql_mode` of every session. Default: the server's. Where the server's own has NO_BACKSLASH_ESCAPES, say it here, too:
   * scripts, batches and `:name` parameters take a backslash in a string for an escape without it.
   */
  readonly sqlMode?: string | undefined
  /**
   * Statements that every session runs when it is new, and again after every reset. One that fails fails the connecting
   * with its own reason, and the message begins with `initCommand`, or `initCommand[1]` where it is one of several.
   */
  readonly initCommand?: string | ReadonlyArray<string> | undefined
  /** `time_zone` of every session, and the wall clock of a Date: `Z` (default) or an offset such as `+02:00`. */
  readonly timezone?: string | undefined
  /**
   * DATETIME and TIMESTAMP as their exact text (default), or as Date: then a zero date, or microseconds beyond a
   * Date's milliseconds, is a DataError.
   */
  readonly dates?: "string" | "date" | undefined
  /** DECIMAL as its exact text (default), or as BigDecimal of effect. */
  readonly decimals?: "string" | "BigDecimal" | undefined
  /** What becomes of a column's values, by the type's name. Without one a type costs nothing. */
  readonly decoders?: Decoders | undefined
  /** What is sent for parameters of kinds of one's own; the first that says yes is used. See `encoder`. */
  readonly encoders?: ReadonlyArray<Encoder> | undefined
  /** `rowsAffected` of an UPDATE: rows that were found (default), or those that it changed. */
  readonly affectedRows?: "found" | "changed" | undefined
  /**
   * What `withTransaction`, the stock verb, does after a statement in it that commits by itself, as DDL does: `fail`
   * (default), as `transaction` by law T7, or `autocommit`: what follows runs outside of a transaction, as the stock
   * driver has it and its Migrator needs it. The default of `layerStock` is `autocommit`.
   */
  readonly implicitCommit?: "fail" | "autocommit" | undefined
  /**
   * Whether a bulk load may go by LOAD DATA LOCAL, where the server allows it too. Whatever the server asks for, it gets
   * the rows of that load or nothing: no file is ever read. `false`: INSERTs alone. Default true.
   */
  readonly localInfile?: boolean | undefined
  /** Prepared statements that each connection keeps. Default 200. */
  readonly maxPreparedStatements?: number | undefined
  /** How long a stream's consumer may pause before the server gives up: its `net_write_timeout`. Default 1 hour. */
  readonly streamTimeout?: Duration.DurationInput | undefined
  /**
   * Bytes that are read and dropped while a stopped stream runs out; beyond them the connection is replaced. Default
   * 16 MiB, which is more than the sockets' buffers hold.
   */
  readonly discardLimit?: number | undefined
}
