/**
 * ConnectionString: every form is read, what is malformed is named and not quoted, and what is written is read again.
 */
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"
import * as ConnectionString from "../src/ConnectionString.js"

/** A record without what is undefined or empty, with its secrets revealed: all Redacted look alike to deepEqual. */
const reveal = (record: ConnectionString.ConnectionString) => {
  const { secrets, password, hosts, options, ...rest } = record
  const shown: Record<string, unknown> = { ...rest }
  if (password !== undefined) shown["password"] = Redacted.value(password)
  if (hosts.length > 1) shown["hosts"] = hosts.map(({ host, port }) => port === undefined ? host : `${host} ${port}`)
  if (Object.keys(options).length > 0) shown["options"] = options
  if (Object.keys(secrets).length > 0) {
    shown["secrets"] = Object.fromEntries(Object.entries(secrets).map(([key, value]) => [key, Redacted.value(value)]))
  }
  for (const key of Object.keys(shown)) if (shown[key] === undefined) delete shown[key]
  return shown
}

const read = (text: string, options?: ConnectionString.ParseOptions) => reveal(Either.getOrThrow(ConnectionString.parse(text, options)))

const refusal = (text: string, options?: ConnectionString.ParseOptions) => Either.getOrThrow(Either.flip(ConnectionString.parse(text, options)))

/** What is read of each text, beside what it should be. */
const cases = (all: Readonly<Record<string, object>>, options?: ConnectionString.ParseOptions): [actual: object, expected: object] => [
  Object.fromEntries(Object.keys(all).map((text) => [text, read(text, options)])),
  all
]

describe("ConnectionString, URL", () => {
  it("every part, and each alone", () => assert.deepStrictEqual(...cases({
    "mysql://app:pw@db.example.com:3307/orders?charset=utf8mb4&ssl": {
      dialect: "mysql", host: "db.example.com", port: 3307, database: "orders", username: "app", password: "pw",
      options: { charset: "utf8mb4", ssl: "" }
    },
    "postgresql://": { dialect: "postgres" },
    "postgres://localhost": { dialect: "postgres", host: "localhost" },
    "POSTGRES://Host.Example": { dialect: "postgres", host: "Host.Example" },
    "mysql://app@/orders": { dialect: "mysql", username: "app", database: "orders" },
    "mysql:///orders": { dialect: "mysql", database: "orders" },
    "mysql://:3307/": { dialect: "mysql", port: 3307 },
    "mysql://host:/": { dialect: "mysql", host: "host" },
    "mysql://app:@host": { dialect: "mysql", username: "app", password: "", host: "host" },
    "  mssql://host  ": { dialect: "mssql", host: "host" },
    "trino://me@host:8443/hive/default": { dialect: "trino", username: "me", host: "host", port: 8443, database: "hive/default" },
    "snowflake://u:p@acc-xy/db/schema?warehouse=w&passcode=123": {
      dialect: "snowflake", username: "u", password: "p", host: "acc-xy", database: "db/schema", options: { warehouse: "w" }, secrets: { passcode: "123" }
    },
    "mariadb://münchen.example/": { dialect: "mysql", host: "münchen.example" }
  })))

  it("percent-encoding is read in every part; a plus is a space in the query only", () => assert.deepStrictEqual(...cases({
    "mysql://a%40b:p%3A%2F%40%23%3F+%25@h%2Dx/d%20b?a%26b=c%3Dd+e&f=%2B": {
      dialect: "mysql", username: "a@b", password: "p:/@#?+%", host: "h-x", database: "d b", options: { "a&b": "c=d e", f: "+" }
    },
    "mysql://app:p:w@d@host/db": { dialect: "mysql", username: "app", password: "p:w@d", host: "host", database: "db" },
    "postgres://%2Fvar%2Frun%2Fpostgresql:5433/db": { dialect: "postgres", host: "/var/run/postgresql", port: 5433, database: "db" }
  })))

  it("IPv6 and several hosts", () => assert.deepStrictEqual(...cases({
    "postgres://[2001:DB8::1]:5433/db": { dialect: "postgres", host: "2001:DB8::1", port: 5433, database: "db" },
    "postgres://[fe80::1%25eth0]": { dialect: "postgres", host: "fe80::1%eth0" },
    "postgres://u@a:1,[::1],b:3/db": { dialect: "postgres", username: "u", host: "a", port: 1, hosts: ["a 1", "::1", "b 3"], database: "db" }
  })))

  it("the query's parts win over the URL's own, as in libpq", () => assert.deepStrictEqual(...cases({
    "postgres://h/db?host=/tmp&port=5433&user=u&password=p&dbname=other": {
      dialect: "postgres", host: "/tmp", port: 5433, username: "u", password: "p", database: "other"
    },
    "postgres:///db?host=a,b&port=1,2": { dialect: "postgres", host: "a", port: 1, hosts: ["a 1", "b 2"], database: "db" },
    "postgres://a:1,b/db?port=7": { dialect: "postgres", host: "a", port: 7, hosts: ["a 7", "b 7"], database: "db" },
    "mysql://h/db?user=u&password=p%2Bq&host=x": { dialect: "mysql", host: "h", database: "db", username: "u", password: "p+q", options: { host: "x" } }
  })))

  it("SQLAlchemy's: the driver is kept, a file is a path", () => assert.deepStrictEqual(...cases({
    "mysql+aiomysql://user:pw@host/db": { dialect: "mysql", driver: "aiomysql", username: "user", password: "pw", host: "host", database: "db" },
    "postgresql+psycopg2://h": { dialect: "postgres", driver: "psycopg2", host: "h" },
    "sqlite://": { dialect: "sqlite" },
    "sqlite:///data/orders@2.db?mode=ro": { dialect: "sqlite", database: "data/orders@2.db", options: { mode: "ro" } },
    "sqlite:////var/orders.db": { dialect: "sqlite", database: "/var/orders.db" },
    "sqlite:///:memory:": { dialect: "sqlite", database: ":memory:" },
    "sqlite:orders.db": { dialect: "sqlite", database: "orders.db" },
    "mssql+pyodbc:///?odbc_connect=SERVER%3Dh%3BPWD%3Dx": { dialect: "mssql", driver: "pyodbc", secrets: { odbc_connect: "SERVER=h;PWD=x" } }
  })))

  it("a key named __proto__ is a key like any other", () => {
    const { options } = Either.getOrThrow(ConnectionString.parse("mysql://h?__proto__=x"))
    assert.deepStrictEqual(Object.entries(options), [["__proto__", "x"]])
  })
})

describe("ConnectionString, ADO (MS-11)", () => {
  it("servers", () => assert.deepStrictEqual(...cases({
    "Server=tcp:db.example.com,1433;Database=orders;User Id=sa;Password='pw'": {
      dialect: "mssql", host: "db.example.com", port: 1433, database: "orders", username: "sa", password: "pw"
    },
    "server=HOST\\SQLEXPRESS": { dialect: "mssql", host: "HOST", options: { instanceName: "SQLEXPRESS" } },
    "Data Source=host\\inst , 1444": { dialect: "mssql", host: "host", port: 1444, options: { instanceName: "inst" } },
    "addr = . ;": { dialect: "mssql", host: "localhost" },
    "Network Address=(local)\\x": { dialect: "mssql", host: "localhost", options: { instanceName: "x" } },
    "Server=[::1],1433": { dialect: "mssql", host: "::1", port: 1433 },
    "Server=fe80::1,1433": { dialect: "mssql", host: "fe80::1", port: 1433 },
    "Port=1444;Server=h": { dialect: "mssql", host: "h", port: 1444 },
    "Port=1444": { dialect: "mssql", port: 1444 }
  })))

  it("mixed case, synonyms, spaces, stray semicolons; the last of two wins", () => assert.deepStrictEqual(...cases({
    ";; SERVER = h ;;; initial CATALOG=a b ; uId=u; pWd = p ;;": { dialect: "mssql", host: "h", database: "a b", username: "u", password: "p" },
    "Server=a;Data Source=b;databaseName=d;user=u;UserName=v": { dialect: "mssql", host: "b", database: "d", username: "v" },
    "Server=h;trusted_connection=yes;App=x;TRUST SERVER CERTIFICATE=true;encrypt=strict;Foo=1;foo=2;Timeout=5": {
      dialect: "mssql", host: "h", options: { integratedSecurity: "yes", applicationName: "x", trustServerCertificate: "true", encrypt: "strict", foo: "2", connectTimeout: "5" }
    },
    "Server=h;User   Id=u;Encrypt=;Pwd=": { dialect: "mssql", host: "h", username: "u" }
  })))

  it("quotes: '…', \"…\" and {…}, the closing one doubled; a quote in the middle is a character", () => assert.deepStrictEqual(...cases({
    "Server=h;Pwd='a;b''c\"d'": { dialect: "mssql", host: "h", password: "a;b'c\"d" },
    "Server=h;Pwd=\"a;b\"\"c'd\" ;": { dialect: "mssql", host: "h", password: "a;b\"c'd" },
    "Driver={ODBC Driver 18};Server=h;Pwd={a;}}b}": { dialect: "mssql", host: "h", password: "a;}b", options: { driver: "ODBC Driver 18" } },
    "Server=h;Pwd=a'b=c": { dialect: "mssql", host: "h", password: "a'b=c" },
    "Server=h;Pwd=' a '": { dialect: "mssql", host: "h", password: " a " },
    "Server=h;Pwd=''": { dialect: "mssql", host: "h", password: "" },
    "Server=h;a==b=c": { dialect: "mssql", host: "h", options: { "a=b": "c" } },
    "Server=h;AccessToken=t": { dialect: "mssql", host: "h", secrets: { accessToken: "t" } }
  })))

  it("for other dialects: hosts by comma, ports by colon", () => {
    assert.deepStrictEqual(...cases({ "Server=a, b:3307;Port=3306;Uid=u;Pwd=p;Database=d": { dialect: "mysql", host: "a", port: 3306, hosts: ["a 3306", "b 3307"], username: "u", password: "p", database: "d" } }, { dialect: "mysql" }))
    assert.deepStrictEqual(...cases({ "Host=h;Username=u;Password=p;SSL Mode=Require": { dialect: "postgres", host: "h", username: "u", password: "p", options: { sslMode: "Require" } } }, { dialect: "postgres" }))
    assert.deepStrictEqual(...cases({ "host=h;username=u;password=p q": { dialect: "postgres", host: "h", username: "u", password: "p q" } }, { dialect: "postgres" }))
  })
})

describe("ConnectionString, libpq's keywords", () => {
  it("quotes, backslashes, spaces around =, several hosts", () => assert.deepStrictEqual(...cases({
    "host=localhost user='a b' password=\\'x\\\\y dbname = orders": { dialect: "postgres", host: "localhost", username: "a b", password: "'x\\y", database: "orders" },
    "  password='it\\'s; a \\\\' host=h\n sslmode=require": { dialect: "postgres", host: "h", password: "it's; a \\", options: { sslmode: "require" } },
    "host=a,::1 port=1,2": { dialect: "postgres", host: "a", port: 1, hosts: ["a 1", "::1 2"] },
    "host=a,b port=7": { dialect: "postgres", host: "a", port: 7, hosts: ["a 7", "b 7"] },
    "host=/tmp password=''": { dialect: "postgres", host: "/tmp", password: "" },
    "user=u password='a;user=b'": { dialect: "postgres", username: "u", password: "a;user=b" },
    "user='a;b'": { dialect: "postgres", username: "a;b" },
    "password=a;b host=h": { dialect: "postgres", host: "h", password: "a;b" },
    "host=h sslpassword=s": { dialect: "postgres", host: "h", secrets: { sslpassword: "s" } }
  })))

  it("the form can be given where the text could be either", () => {
    assert.deepStrictEqual(read("password=x user=y", { form: "ado" }), { dialect: "mssql", password: "x user=y" })
    assert.deepStrictEqual(read("password=x user=y"), { dialect: "postgres", password: "x", username: "y" })
    assert.deepStrictEqual(read("foo=1 host=h", { form: "libpq", dialect: "cockroach" }), { dialect: "cockroach", host: "h", options: { foo: "1" } })
  })
})

describe("ConnectionString, malformed", () => {
  const secret = "hunter2"
  const malformed: ReadonlyArray<readonly [field: string, text: string]> = [
    ["url", "   "],
    ["url.scheme", secret],
    ["url.scheme", `1://${secret}`],
    ["url.scheme", `mysql+://u:${secret}@h`],
    ["url.scheme", `mysql:u:${secret}@h`],
    ["url.host", `mysql://u:${secret}@a,,b`],
    ["url.host", `mysql://u:${secret}@a b`],
    ["url.host", `mysql://u:${secret}@::1`],
    ["url.host", `mysql://u:${secret}@[nope]`],
    ["url.host", `mysql://u:${secret}@[::1`],
    ["url.host", `mssql://u:${secret}@h\\i`],
    ["url.host", `sqlite://${secret}.db`],
    ["url.port", `mysql://u:${secret}@h:70000`],
    ["url.port", `mysql://u:${secret}@h:0`],
    ["url.port", `mysql://u:${secret}@h:1,h:x`],
    // A raw slash, question mark or number sign in the password.
    ["url.password", `mysql://u:${secret}/x@h`],
    ["url.port", `mysql://u:${secret}?x=y@h`],
    ["url.password", `mysql://u:12/${secret}@h`],
    ["url.password", `mysql://u:12?${secret}@h`],
    ["url.fragment", `mysql://u:12#${secret}@h`],
    ["url.password", `mysql://u:${secret}%zz@h`],
    ["url.username", `mysql://%:${secret}@h`],
    ["url.database", `mysql://u:${secret}@h/%`],
    ["url.query", `mysql://h?password=${secret}%`],
    ["url.query", `mysql://h?=${secret}`],
    ["url.port", `postgres://h?port=1,2&password=${secret}`],
    ["keyword Server", `Server=np:\\\\h;Pwd=${secret}`],
    ["keyword SERVER", `SERVER=h,x;Pwd=${secret}`],
    ["keyword Server", `Server=h,1,2;Pwd=${secret}`],
    ["keyword Server", `Server=,1;Pwd=${secret}`],
    ["keyword Server", `Server=(localdb)\\x;Pwd=${secret}`],
    ["keyword Pwd", `Server=h;Pwd='${secret}`],
    ["keyword Pwd", `Server=h;Pwd={${secret}`],
    ["keyword Pwd", `Server=h;Pwd="a"${secret}";`],
    // A raw semicolon in the password.
    ["keyword 3", `Server=h;Pwd=a;${secret};`],
    ["keyword 1", `=${secret};`],
    ["keyword Port", `Server=h;Port=x;Pwd=${secret}`],
    ["keyword password", `host=h password='${secret}`],
    ["keyword 3", `host=h password=a ${secret}`],
    ["keyword port", `host=h port=x password=${secret}`],
    ["keyword port", `host=a,b port=1,2,3 password=${secret}`],
    ["keyword host", `host=a,,b password=${secret}`]
  ]

  it.each(malformed.map(([field, text]) => ({ field, text })))("$text is refused for its $field", ({ field, text }) => {
    const error = refusal(text)
    assert.deepStrictEqual([error.reason._tag, error.reason.field], ["ConfigError", field])
    for (const shown of [error.message, JSON.stringify(error), inspect(error), inspect(error.reason, { depth: 9 })]) assert.notInclude(shown, secret)
  })

  it("another dialect than the one that is wanted", () => {
    assert.strictEqual(refusal("postgres://h", { dialect: "mysql" }).reason.field, "url.scheme")
    assert.strictEqual(read("mariadb://h", { dialect: "mysql" })["dialect"], "mysql")
  })

  it("a redacted string is read as well, and nothing that is thrown at it throws", () => {
    assert.strictEqual(Either.getOrThrow(ConnectionString.parse(Redacted.make("mysql://h"))).host, "h")
    FastCheck.assert(FastCheck.property(FastCheck.string({ unit: "binary" }), FastCheck.constantFrom("", "mysql://", "sqlite:", "Server=", "host="), (text, head) => {
      ConnectionString.parse(head + text)
      for (const form of ["url", "ado", "libpq"] as const) ConnectionString.parse(head + text, { form })
    }), { numRuns: 500 })
  })
})

describe("ConnectionString, printed", () => {
  it("with every secret hidden", () => {
    const record = Either.getOrThrow(ConnectionString.parse("mysql+x://a%40b:hunter2@h:1,[::1]/d%3Fb?charset=utf8&sslpassword=hunter2"))
    assert.strictEqual(ConnectionString.print(record), "mysql+x://a%40b:<redacted>@h:1,[::1]/d%3Fb?charset=utf8&sslpassword=<redacted>")
    for (const shown of [JSON.stringify(record), inspect(record, { depth: 9 })]) assert.notInclude(shown, "hunter2")
    assert.strictEqual(ConnectionString.print(ConnectionString.make({ dialect: "mysql", host: "h" })), "mysql://h")
    assert.strictEqual(ConnectionString.print(ConnectionString.make({ dialect: "mysql", username: "\ud800" })), "mysql://%EF%BF%BD@")
  })

  it("what a form cannot express is refused, with the part's name", () => {
    const field = (parts: ConnectionString.Parts, form?: ConnectionString.Form) =>
      Either.getOrThrow(Either.flip(ConnectionString.format(ConnectionString.make(parts), form))).reason.field
    const two = [{ host: "a", port: undefined }, { host: "b", port: undefined }]
    assert.strictEqual(field({ dialect: "my sql" }), "dialect")
    assert.strictEqual(field({ dialect: "mysql", driver: "A b" }), "driver")
    assert.strictEqual(field({ dialect: "mysql", host: "h", port: 0 }), "port")
    assert.strictEqual(field({ dialect: "mysql", port: 1.5 }), "port")
    assert.strictEqual(field({ dialect: "mysql", host: " h" }), "hosts")
    assert.strictEqual(field({ dialect: "mysql", password: Redacted.make("\udc00") }), "password")
    assert.strictEqual(field({ dialect: "mysql", options: { user: "x" } }), "options.user")
    assert.strictEqual(field({ dialect: "mysql", secrets: { charset: Redacted.make("x") } }), "secrets.charset")
    assert.strictEqual(field({ dialect: "sqlite", username: "x" }), "username")
    assert.strictEqual(field({ dialect: "mssql", hosts: two }, "ado"), "hosts")
    assert.strictEqual(field({ dialect: "mssql", driver: "x" }, "ado"), "driver")
    assert.strictEqual(field({ dialect: "mssql", options: { App: "x" } }, "ado"), "options.App")
    assert.strictEqual(field({ dialect: "postgres", driver: "x" }, "libpq"), "driver")
    assert.strictEqual(field({ dialect: "postgres", options: { "a b": "x" } }, "libpq"), "options.a b")
    const record = ConnectionString.make({ dialect: "mysql", host: "h" })
    assert.isTrue(Either.isLeft(ConnectionString.format({ ...record, port: 5 })))
  })
})

describe("ConnectionString, parse of format", () => {
  const text = FastCheck.oneof(
    FastCheck.string({ unit: "grapheme", minLength: 1 }),
    FastCheck.string({ unit: FastCheck.constantFrom(..."ab ;='\"{}\\@:/?#%&+,[]<>\n\té😀"), minLength: 1, maxLength: 8 })
  )
  const host = FastCheck.oneof(
    FastCheck.domain(), FastCheck.ipV4(), FastCheck.ipV6(), FastCheck.constantFrom("localhost", "/var/run/x", "MiXed", "fe80::1%eth0", "bücher.example")
  )
  const port = FastCheck.option(FastCheck.integer({ min: 1, max: 65_535 }), { nil: undefined })
  const maybe = <A>(arbitrary: FastCheck.Arbitrary<A>) => FastCheck.option(arbitrary, { nil: undefined })
  const key = FastCheck.constantFrom("charset", "sslmode", "x-y", "a_b", "Foo", "ssl.ca", "__proto__", "encrypt", "connectTimeout", "instanceName")
  const parts = FastCheck.record({
    driver: maybe(FastCheck.constantFrom("aiomysql", "psycopg2", "a-b_c.d")),
    hosts: FastCheck.array(FastCheck.record({ host, port }), { maxLength: 3 }),
    port,
    database: maybe(text),
    username: maybe(text),
    password: maybe(FastCheck.oneof(text, FastCheck.constant("")).map(Redacted.make)),
    options: FastCheck.array(FastCheck.tuple(key, FastCheck.oneof(text, FastCheck.constant("")))).map((all) => Object.fromEntries(all)),
    secrets: FastCheck.dictionary(FastCheck.constantFrom("sslpassword", "accessToken", "private_key"), text.map(Redacted.make))
  })

  /** What is read of what was written, what was meant, and what was written. */
  const again = (
    parts: ConnectionString.Parts,
    form: ConnectionString.Form,
    hint: ConnectionString.ParseOptions
  ): [actual: object, expected: object, written: string] => {
    const record = ConnectionString.make(parts)
    const written = Either.getOrThrow(ConnectionString.format(record, form))
    const found = Either.getOrThrow(ConnectionString.parse(written, hint))
    return [[reveal(found), found.hosts], [reveal(record), record.hosts], Redacted.value(written)]
  }

  it("URL", () => {
    FastCheck.assert(FastCheck.property(parts, FastCheck.constantFrom("mysql", "postgres", "mssql", "trino", "x.y-z"), (each, dialect) => {
      assert.deepStrictEqual(...again({ ...each, dialect }, "url", {}))
    }), { numRuns: 500 })
  })

  it("URL of a file", () => {
    FastCheck.assert(FastCheck.property(parts, ({ database, options }) => {
      assert.deepStrictEqual(...again({ dialect: "sqlite", database, options }, "url", {}))
    }), { numRuns: 200 })
  })

  it("ADO", () => {
    FastCheck.assert(FastCheck.property(parts, FastCheck.constantFrom("mysql", "postgres", "mssql"), ({ driver: _, hosts, ...each }, dialect) => {
      // ADO has keywords for these, and its own names for the options.
      const { charset: __, sslmode: ___, ...options } = each.options
      const expressible = { ...each, options, hosts: dialect === "mssql" ? hosts.slice(0, 1) : hosts }
      assert.deepStrictEqual(...again({ ...expressible, dialect }, "ado", { dialect, form: "ado" }))
    }), { numRuns: 500 })
  })

  it("libpq's", () => {
    FastCheck.assert(FastCheck.property(parts, ({ driver: _, ...each }) => {
      assert.deepStrictEqual(...again({ ...each, dialect: "postgres" }, "libpq", { form: "libpq" }))
    }), { numRuns: 500 })
  })

  it("the form is told from the text where every keyword is known", () => {
    const known = FastCheck.dictionary(FastCheck.constantFrom("sslmode", "application_name", "options"), text)
    FastCheck.assert(FastCheck.property(parts, known, ({ driver: _, ...each }, options) => {
      const record = { ...each, options, secrets: {}, dialect: "postgres", username: each.username ?? "u" }
      assert.deepStrictEqual(...again(record, "libpq", {}))
    }), { numRuns: 500 })
    const keywords = FastCheck.dictionary(FastCheck.constantFrom("encrypt", "applicationName", "connectTimeout"), text)
    FastCheck.assert(FastCheck.property(parts, keywords, ({ driver: _, ...each }, options) => {
      const record = { ...each, hosts: each.hosts.slice(0, 1), options, secrets: {}, dialect: "mssql", username: each.username ?? "u" }
      assert.deepStrictEqual(...again(record, "ado", {}))
    }), { numRuns: 500 })
  })
})

describe("ConnectionString, environment", () => {
  const from = (dialect: ConnectionString.Environment, variables: Readonly<Record<string, string>>) =>
    ConnectionString.fromEnv(dialect).pipe(Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables)))))

  it.effect("postgres: PGHOST and its kin", () => Effect.gen(function*() {
    const record = yield* from("postgres", {
      PGHOST: "a,b", PGPORT: "5433", PGUSER: "u", PGPASSWORD: "p", PGDATABASE: "d", PGSSLMODE: "require", PGAPPNAME: ""
    })
    assert.deepStrictEqual(reveal(record), {
      dialect: "postgres", host: "a", port: 5433, hosts: ["a 5433", "b 5433"], username: "u", password: "p", database: "d", options: { sslmode: "require" }
    })
    assert.deepStrictEqual(reveal(yield* from("postgres", {})), { dialect: "postgres" })
    assert.deepStrictEqual(reveal(yield* from("postgres", { PGPORT: "5433" })), { dialect: "postgres", port: 5433 })
  }))

  it.effect("mysql: MYSQL_HOST and its kin, the server's own names first", () => Effect.gen(function*() {
    const all = { MYSQL_HOST: "h", MYSQL_TCP_PORT: "3307", MYSQL_PORT: "1", MYSQL_USER: "u", MYSQL_PWD: "p", MYSQL_PASSWORD: "q", MYSQL_DATABASE: "d" }
    assert.deepStrictEqual(reveal(yield* from("mysql", all)), { dialect: "mysql", host: "h", port: 3307, username: "u", password: "p", database: "d" })
    const rest = yield* from("mysql", { MYSQL_PORT: "3308", MYSQL_PWD: "", MYSQL_PASSWORD: "q", MYSQL_UNIX_PORT: "/tmp/m.sock" })
    assert.deepStrictEqual(reveal(rest), { dialect: "mysql", port: 3308, password: "q", options: { socketPath: "/tmp/m.sock" } })
  }))

  it.effect("a malformed one is named, and not quoted", () => Effect.gen(function*() {
    const port = yield* Effect.flip(from("mysql", { MYSQL_PORT: "tcp://hunter2" }))
    assert.strictEqual(port.reason.field, "MYSQL_PORT")
    assert.notInclude(port.message, "hunter2")
    assert.strictEqual((yield* Effect.flip(from("postgres", { PGHOST: "a,b", PGPORT: "1,2,3" }))).reason.field, "PGPORT")
    assert.strictEqual((yield* Effect.flip(from("postgres", { PGHOST: "a,,b" }))).reason.field, "PGHOST")
  }))
})
