/**
 * A connection string: its five forms, read into one record and written again.
 *
 * It knows how a string is written, and not what an option means: that is the dialect's. Secrets are `Redacted` from the
 * moment they are read, and no message quotes the text. Called by the dialects' configs, the CLI and users.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import { formatAdo, likeAdo, parseAdo } from "./internal/connectionString/ado.js"
import { readEnvironment } from "./internal/connectionString/env.js"
import { beginsLibpq, formatLibpq, isLibpq, parseLibpq } from "./internal/connectionString/libpq.js"
import { complete, dialectOf } from "./internal/connectionString/record.js"
import { formatUrl, isUrl, parseUrl, renderUrl } from "./internal/connectionString/url.js"
import { type Checked, refuse } from "./Options.js"
import type * as Reason from "./Reason.js"
import type * as SqlError from "./SqlError.js"

/**
 * One of the hosts that a string names.
 *
 * @example
 * ```ts
 * import type { ConnectionString } from "@sluice/core"
 *
 * const standby: ConnectionString.Host = { host: "db2.example.com", port: undefined }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Host {
  /** A name, an address (IPv6 without brackets), or a socket's folder, as it was written: neither lower-cased nor punycoded. */
  readonly host: string
  /** 1 to 65535; `undefined` is the dialect's own. */
  readonly port: number | undefined
}

/**
 * What a connection string says. A part that it does not name, or leaves empty, is `undefined`.
 *
 * @example
 * ```ts
 * import type { ConnectionString } from "@sluice/core"
 *
 * const label = (to: ConnectionString.ConnectionString) => `${to.dialect} on ${to.host ?? "localhost"}`
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectionString {
  /** The URL's scheme under its own name: `postgresql` is `postgres`, `mariadb` `mysql`, `sqlserver` `mssql`, `sqlite3` `sqlite`. */
  readonly dialect: string
  /** What SQLAlchemy has behind the plus: `aiomysql` of `mysql+aiomysql`. Kept, and of no effect. */
  readonly driver: string | undefined
  /** The first host. */
  readonly host: string | undefined
  /** The first host's port, 1 to 65535; or the port for the host that the dialect takes by default. */
  readonly port: number | undefined
  /** Every host, the first one included; empty where none is named. */
  readonly hosts: ReadonlyArray<Host>
  /** The database, catalog or file. Slashes belong to it. */
  readonly database: string | undefined
  /** Who logs in. */
  readonly username: string | undefined
  /** The password; an empty one is a password too. */
  readonly password: Redacted.Redacted | undefined
  /**
   * The remaining keys, as written; those of the ADO form in camel case (`applicationName`), with an instance as
   * `instanceName`. The last of two wins.
   */
  readonly options: Readonly<Record<string, string>>
  /** The remaining keys whose name says that they are secret: `sslpassword`, `accessToken`, `private_key_passphrase`, … */
  readonly secrets: Readonly<Record<string, Redacted.Redacted>>
}

/**
 * What a record is made of by hand: as `ConnectionString`, where all but the dialect may be left out.
 *
 * @example
 * ```ts
 * import type { ConnectionString } from "@sluice/core"
 *
 * const parts: ConnectionString.Parts = { dialect: "postgres", host: "localhost", port: 5432 }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Parts {
  /** A URL's scheme, or one of its other names. */
  readonly dialect: string
  /** What stands behind the scheme's plus. */
  readonly driver?: string | undefined
  /** The host, where there is one. `hosts` wins. */
  readonly host?: string | undefined
  /** The host's port, 1 to 65535. */
  readonly port?: number | undefined
  /** The hosts, where there are several. */
  readonly hosts?: ReadonlyArray<Host> | undefined
  /** The database, catalog or file. */
  readonly database?: string | undefined
  /** Who logs in. */
  readonly username?: string | undefined
  /** The password. */
  readonly password?: Redacted.Redacted | undefined
  /** The remaining keys. Those with a secret's name are moved to `secrets`. */
  readonly options?: Readonly<Record<string, string>> | undefined
  /** The remaining keys that are secret. */
  readonly secrets?: Readonly<Record<string, Redacted.Redacted>> | undefined
}

/**
 * The forms that `format` writes.
 *
 * @example
 * ```ts
 * import type { ConnectionString } from "@sluice/core"
 *
 * const form: ConnectionString.Form = "libpq"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Form = "url" | "ado" | "libpq"

/**
 * The families of environment variables that `fromEnv` reads.
 *
 * @example
 * ```ts
 * import type { ConnectionString } from "@sluice/core"
 *
 * const family: ConnectionString.Environment = "mysql"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Environment = "postgres" | "mysql"

/**
 * Options of `parse`.
 *
 * @example
 * ```ts
 * import type { ConnectionString } from "@sluice/core"
 *
 * const options: ConnectionString.ParseOptions = { dialect: "mysql" }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface ParseOptions {
  /**
   * The dialect that is wanted. A URL of another one is a ConfigError of `url.scheme`. The keyword forms name none: theirs is
   * `mssql` for ADO's and `postgres` for libpq's by default.
   */
  readonly dialect?: string | undefined
  /** The form. By default it is told from the text: a URL, libpq's if every keyword is libpq's, else ADO's. */
  readonly form?: Form | undefined
}

/**
 * Reads a connection string. A malformed one is a ConfigError whose `field` names the part (`url.port`, `keyword Pwd`) and
 * whose message never quotes it.
 *
 * A URL may have several hosts, IPv6 in brackets, a percent-encoded part anywhere, and SQLAlchemy's `dialect+driver`. A `#`,
 * and an `@` where it shows that a password was not encoded, are refused rather than read as something else.
 *
 * @example
 * ```ts
 * import { ConnectionString } from "@sluice/core"
 *
 * ConnectionString.parse("mysql+aiomysql://app:secret@db.example.com:3307/orders?charset=utf8mb4")
 * ConnectionString.parse("Server=tcp:db.example.com,1433;Database=orders;User Id=app;Password='a;b';Encrypt=true")
 * ConnectionString.parse("host=db1,db2 user='order app' password=secret dbname=orders")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string | Redacted.Redacted, options: ParseOptions = {}): Checked<ConnectionString> => {
  const given = (Redacted.isRedacted(text) ? Redacted.value(text) : text).trim()
  // A keyword form without a keyword is well formed, and means the defaults; but nobody means it unasked.
  if (given === "" && (options.form ?? "url") === "url") return refuse("url", "must not be empty")
  const wanted = options.dialect === undefined ? undefined : dialectOf(options.dialect)
  switch (options.form ?? formOf(given)) {
    case "url":
      return Either.flatMap(parseUrl(given), (parts) =>
        wanted === undefined || parts.dialect === wanted ? Either.right(complete(parts)) : refuse("url.scheme", `must be ${wanted}`))
    case "ado":
      return Either.map(parseAdo(given, wanted ?? "mssql"), complete)
    case "libpq":
      return Either.map(parseLibpq(given, wanted ?? "postgres"), complete)
  }
}

// Each keyword form can be read as the other, with one long value: the keywords decide, and then the semicolons.
const formOf = (text: string): Form => {
  if (isUrl(text)) return "url"
  const [ado, libpq] = [likeAdo(text), isLibpq(text)]
  if (ado === 0 && !libpq) return text.includes(";") || !beginsLibpq(text) ? "ado" : "libpq"
  return ado === 2 || !libpq ? "ado" : "libpq"
}

/**
 * Makes a record of its parts: an empty part is none, `host` and `hosts` are made to agree, secrets are moved to `secrets`.
 * It checks nothing: `format` does.
 *
 * @example
 * ```ts
 * import { ConnectionString } from "@sluice/core"
 * import { Redacted } from "effect"
 *
 * const record = ConnectionString.make({ dialect: "postgres", host: "localhost", username: "app", password: Redacted.make("secret") })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (parts: Parts): ConnectionString => complete(parts)

/**
 * Reads the variables that the server's own programs read, through Effect's ConfigProvider: `PGHOST`, `PGPORT`, `PGUSER`,
 * `PGPASSWORD`, `PGDATABASE`, `PGSSLMODE`, …; or `MYSQL_HOST`, `MYSQL_TCP_PORT` (`MYSQL_PORT`), `MYSQL_USER`, `MYSQL_PWD`
 * (`MYSQL_PASSWORD`), `MYSQL_DATABASE`, `MYSQL_UNIX_PORT`.
 *
 * An empty variable is as one that is not set. A malformed one is a ConfigError whose `field` is its name.
 *
 * @example
 * ```ts
 * import { ConnectionString } from "@sluice/core"
 * import { ConfigProvider, Effect } from "effect"
 *
 * const record = ConnectionString.fromEnv("postgres").pipe(
 *   Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["PGHOST", "db.example.com"]])))
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromEnv = (dialect: Environment): Effect.Effect<ConnectionString, SqlError.SqlError<Reason.ConfigError>> =>
  Effect.map(readEnvironment(dialect), complete)

/**
 * The URL form, to be seen: every secret is written as `<redacted>`.
 *
 * @example
 * ```ts
 * import { ConnectionString } from "@sluice/core"
 * import { Either } from "effect"
 *
 * Either.map(ConnectionString.parse("mysql://app:secret@localhost/orders"), ConnectionString.print)
 * // mysql://app:<redacted>@localhost/orders
 * ```
 *
 * @category printing
 * @since 0.1.0
 */
export const print = (record: ConnectionString): string => renderUrl(record, () => "<redacted>")

/**
 * The real string, to be used: `parse` of it is the record again (for a keyword form, with the record's dialect given).
 *
 * A record that the form cannot express is a ConfigError that names the part: several hosts in ADO's for SQL Server, a driver in
 * a keyword form, a port below 1.
 *
 * @example
 * ```ts
 * import { ConnectionString } from "@sluice/core"
 *
 * const url = ConnectionString.format(ConnectionString.make({ dialect: "mssql", host: "db.example.com", port: 1433 }), "ado")
 * ```
 *
 * @category printing
 * @since 0.1.0
 */
export const format = (record: ConnectionString, form: Form = "url"): Checked<Redacted.Redacted> =>
  Either.map((form === "url" ? formatUrl : form === "ado" ? formatAdo : formatLibpq)(record), Redacted.make)
