/**
 * The environment variables of libpq and of MySQL's client programs, read through Effect's ConfigProvider.
 *
 * @internal
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { Environment, Parts } from "../../ConnectionString.js"
import * as Reason from "../../Reason.js"
import * as SqlError from "../../SqlError.js"
import { pair, split } from "./record.js"

/** The variables of a part, the first that is set wins. */
interface Names {
  readonly host: ReadonlyArray<string>
  readonly port: ReadonlyArray<string>
  readonly username: ReadonlyArray<string>
  readonly password: ReadonlyArray<string>
  readonly database: ReadonlyArray<string>
  readonly options: Readonly<Record<string, string>>
}

const variables: Readonly<Record<Environment, Names>> = {
  postgres: {
    host: ["PGHOST"],
    port: ["PGPORT"],
    username: ["PGUSER"],
    password: ["PGPASSWORD"],
    database: ["PGDATABASE"],
    options: {
      hostaddr: "PGHOSTADDR",
      passfile: "PGPASSFILE",
      sslmode: "PGSSLMODE",
      sslrootcert: "PGSSLROOTCERT",
      sslcert: "PGSSLCERT",
      sslkey: "PGSSLKEY",
      application_name: "PGAPPNAME",
      connect_timeout: "PGCONNECT_TIMEOUT",
      client_encoding: "PGCLIENTENCODING",
      target_session_attrs: "PGTARGETSESSIONATTRS",
      load_balance_hosts: "PGLOADBALANCEHOSTS",
      options: "PGOPTIONS",
      TimeZone: "PGTZ",
      service: "PGSERVICE",
      servicefile: "PGSERVICEFILE",
      channel_binding: "PGCHANNELBINDING",
      require_auth: "PGREQUIREAUTH",
      sslcrl: "PGSSLCRL",
      sslcrldir: "PGSSLCRLDIR",
      sslcertmode: "PGSSLCERTMODE",
      sslnegotiation: "PGSSLNEGOTIATION",
      sslsni: "PGSSLSNI",
      sslcompression: "PGSSLCOMPRESSION",
      ssl_min_protocol_version: "PGSSLMINPROTOCOLVERSION",
      ssl_max_protocol_version: "PGSSLMAXPROTOCOLVERSION",
      gssencmode: "PGGSSENCMODE",
      requirepeer: "PGREQUIREPEER"
    }
  },
  mysql: {
    host: ["MYSQL_HOST"],
    port: ["MYSQL_TCP_PORT", "MYSQL_PORT"],
    username: ["MYSQL_USER"],
    password: ["MYSQL_PWD", "MYSQL_PASSWORD"],
    database: ["MYSQL_DATABASE"],
    options: { socketPath: "MYSQL_UNIX_PORT" }
  }
}

type Failure = SqlError.SqlError<Reason.ConfigError>

/** One variable; an empty one is as one that is not set, as libpq has it. */
const read = (name: string): Effect.Effect<string | undefined, Failure> =>
  Effect.matchEffect(Config.option(Config.redacted(name)), {
    // The provider's own words may quote the value.
    onFailure: () => SqlError.fail(new Reason.ConfigError({ message: `${name} cannot be read`, field: name })),
    onSuccess: (found) => {
      const value = Option.isSome(found) ? Redacted.value(found.value) : ""
      return Effect.succeed(value === "" ? undefined : value)
    }
  })

/** The first of several that is set, with its name. */
const first = (names: ReadonlyArray<string>): Effect.Effect<readonly [name: string, value: string | undefined], Failure> =>
  Effect.gen(function*() {
    for (const name of names) {
      const value = yield* read(name)
      if (value !== undefined) return [name, value] as const
    }
    return [names[0]!, undefined] as const
  })

export const readEnvironment = (dialect: Environment): Effect.Effect<Parts, Failure> =>
  Effect.gen(function*() {
    const names = variables[dialect]
    const [host, hosts] = yield* first(names.host)
    const [port, ports] = yield* first(names.port)
    const [, username] = yield* first(names.username)
    const [, password] = yield* first(names.password)
    const [, database] = yield* first(names.database)
    const options = new Map<string, string>()
    for (const [key, name] of Object.entries(names.options)) {
      const value = yield* read(name)
      if (value !== undefined) options.set(key, value)
    }
    return {
      dialect,
      ...yield* pair(split(hosts), ports, host, port),
      username,
      password: password === undefined ? undefined : Redacted.make(password),
      database,
      options: Object.fromEntries(options)
    }
  })
