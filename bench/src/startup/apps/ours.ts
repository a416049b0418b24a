/**
 * The app of `stock` on Sluice, with all that this has for the same work, for the compiler. It is checked and never run.
 */
import { Model, SqlResolver, SqlSchema } from "@effect/sql"
import { Batcher, BulkSink } from "@sluice/batcher"
import { CircuitBreaker, Column, Credentials, Database, ErrorHook, Resolver, Retry, Sluice, SqlError, Table, Telemetry } from "@sluice/core"
import { Mysql } from "@sluice/mysql"
import { Postgres } from "@sluice/postgres"
import { Sqlite } from "@sluice/sqlite"
import { Config, Context, Effect, Layer, Redacted, Schema, Stream } from "effect"

// ---- three databases ----

export class Archive extends Context.Tag("Archive")<Archive, Database.Database>() {}

export const app = Postgres.layer({
  url: Redacted.make("postgres://app@db.example.com/app"),
  pool: { max: 20, acquireTimeout: "5 seconds" },
  password: Credentials.fromConfig(Config.redacted("PGPASSWORD"))
})
export const shop = Mysql.layerConfig({ url: Config.redacted("SHOP_URL"), pool: { max: Config.succeed(10) } })
export const archive = Sqlite.layerAs(Archive, { filename: "archive.db" })

// ---- models and schemas ----

export const UserId = Schema.Number.pipe(Schema.brand("UserId"))

export class User extends Model.Class<User>("User")({
  id: Model.Generated(UserId),
  email: Schema.NonEmptyTrimmedString,
  name: Schema.NullOr(Schema.String),
  createdAt: Model.DateTimeInsert,
  updatedAt: Model.DateTimeUpdate
}) {}

export const repository = Model.makeRepository(User, { tableName: "users", spanPrefix: "UserRepository", idColumn: "id" })

export const byEmail = Effect.map(Database.Database, (sql) =>
  SqlSchema.findOne({
    Request: Schema.String,
    Result: Schema.Struct({ id: UserId, email: Schema.String }),
    execute: (email) => sql`SELECT id, email FROM users WHERE email = ${email}`
  }))

export const userById = Effect.flatMap(Database.Database, (sql) =>
  Effect.map(
    SqlResolver.findById("UserById", {
      Id: UserId,
      Result: Schema.Struct({ id: UserId, email: Schema.String }),
      ResultId: (user) => user.id,
      execute: (ids) => sql`SELECT id, email FROM users WHERE ${sql.in("id", ids)}`
    }),
    Resolver.distinct
  ))

// ---- statements ----

interface Account {
  readonly id: number
  readonly balance: number
}

export const accounts = Effect.gen(function*() {
  const sql = yield* Database.Database
  const rows = yield* sql<Account>`SELECT id, balance FROM accounts WHERE ${sql.and([sql`balance > ${0}`, sql.in("id", [1, 2, 3])])}`
  const count = yield* sql<number>`SELECT COUNT(*) AS n FROM accounts`.scalar
  const first = yield* sql<Account>`SELECT id, balance FROM accounts LIMIT 1`.first
  yield* sql`UPDATE accounts SET ${sql.update({ id: 1, balance: 5 }, ["id"])} WHERE id = ${1}`.run
  return { rows, count, first }
})

export const transfer = (from: number, to: number, amount: number) =>
  Effect.gen(function*() {
    const sql = yield* Database.Database
    return yield* Effect.gen(function*() {
      yield* sql`UPDATE accounts SET balance = balance - ${amount} WHERE id = ${from}`.run
      yield* sql`UPDATE accounts SET balance = balance + ${amount} WHERE id = ${to}`.run
      return "done"
    }).pipe(
      sql.transaction({ isolation: "serializable", retry: Retry.transient, timeout: "5 seconds" }),
      SqlError.catchReason("UniqueViolation", (error) => Effect.succeed(error.reason.constraint ?? "was there"))
    )
  })

// ---- rows on demand, and many at once ----

export const copied = Effect.gen(function*() {
  const from = yield* Archive
  return yield* from<{ id: number; body: string }>`SELECT id, body FROM events`.stream.pipe(
    Stream.filter((event) => event.body.length > 0),
    Stream.run(BulkSink.make({ table: "events", columns: ["id", "body"] }))
  )
})

export const outbox = (messages: ReadonlyArray<string>) =>
  Effect.scoped(Effect.gen(function*() {
    const sql = yield* Database.Database
    const batcher = yield* Batcher.make({ maxStatements: 500, linger: "50 millis" })
    yield* Effect.forEach(messages, (body) => batcher.add(sql`INSERT INTO outbox (body) VALUES (${body})`), { discard: true })
  }))

// ---- tables ----

const users = Table.make("users", { id: Column.integer().primaryKey().autoIncrement(), email: Column.text().notNull().unique(), name: Column.text() })

const Tasks = Table.make("tasks", {
  id: Column.integer().primaryKey().autoIncrement(),
  title: Column.text().notNull(),
  done: Column.boolean().notNull(),
  owner: Column.integer().references(() => users.id, { onDelete: "set null" })
})

export const tasks = Effect.gen(function*() {
  const sql = yield* Database.Database
  yield* Table.createAll(sql, [users, Tasks], { ifNotExists: true })
  const id = yield* Tasks.insert(sql, { title: "read", done: false })
  yield* Tasks.update(sql, { done: true }).where(Tasks.id.eq(id))
  const open = yield* Tasks.select(sql).where(Tasks.done.eq(false)).orderBy(Tasks.id).limit(10)
  const owned = yield* Tasks.select(sql).leftJoin(users, users.id.eq(Tasks.owner)).columns({ title: Tasks.title, owner: users.name })
  yield* Tasks.delete(sql).where(Tasks.done.eq(true))
  return { open, owned }
})

// ---- one connection, messages, promises ----

export const temporary = Effect.scoped(Effect.gen(function*() {
  const sql = yield* Database.Database
  const session = yield* sql.session
  yield* session`CREATE TEMPORARY TABLE found (id INTEGER)`.run
  yield* session`INSERT INTO found VALUES (1)`.run
  return yield* session<{ id: number }>`SELECT id FROM found`
}))

export const orders = Stream.unwrap(Effect.map(Database.Database, (sql) => Postgres.listen(sql, "orders")))

export const main = async () => {
  await using db = await Sluice.open(app)
  const accountsOf = await db.query<Account>`SELECT id, balance FROM accounts`.with({ signal: AbortSignal.timeout(1_000) })
  return db.run(Effect.all([Effect.succeed(accountsOf), transfer(1, 2, 10), accounts, Effect.flatMap(repository, (users) => users.findById(UserId.make(1)))]))
}

export const program = Effect.scoped(Effect.gen(function*() {
  const breaker = yield* CircuitBreaker.make({ name: "app", threshold: 5 })
  return yield* Effect.all([copied, outbox(["a"]), tasks, temporary, Stream.runHead(orders)], { concurrency: 2 }).pipe(breaker.protect)
})).pipe(
  Effect.provide([app, archive, ErrorHook.layer((event) => Effect.logError(event)), Telemetry.logStatements({ slowerThan: "1 second" })]),
  Effect.withSpan("program")
)

export const layers = Layer.mergeAll(app, archive)
