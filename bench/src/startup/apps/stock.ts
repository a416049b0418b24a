/**
 * An app on the stock packages of Effect, for the compiler: three databases, and everything that one does with them.
 *
 * It is checked and never run. `ours` is the same app on Sluice; what the stock packages have no verb for is written by hand here,
 * as their users write it.
 */
import { Model, SqlClient, SqlError, SqlResolver, SqlSchema } from "@effect/sql"
import { MysqlClient } from "@effect/sql-mysql2"
import { PgClient } from "@effect/sql-pg"
import { SqliteClient } from "@effect/sql-sqlite-node"
import { Chunk, Config, Context, Effect, Layer, ManagedRuntime, Option, Redacted, Schedule, Schema, Stream } from "effect"

// ---- three databases ----

export class Archive extends Context.Tag("Archive")<Archive, SqlClient.SqlClient>() {}

export const app = PgClient.layer({ url: Redacted.make("postgres://app@db.example.com/app"), maxConnections: 20, password: Redacted.make("secret") })
export const shop = MysqlClient.layerConfig({ url: Config.redacted("SHOP_URL"), maxConnections: Config.succeed(10) })
export const archive = Layer.effect(Archive, SqlClient.SqlClient).pipe(Layer.provide(SqliteClient.layer({ filename: "archive.db" })))

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

export const byEmail = Effect.map(SqlClient.SqlClient, (sql) =>
  SqlSchema.findOne({
    Request: Schema.String,
    Result: Schema.Struct({ id: UserId, email: Schema.String }),
    execute: (email) => sql`SELECT id, email FROM users WHERE email = ${email}`
  }))

export const userById = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  SqlResolver.findById("UserById", {
    Id: UserId,
    Result: Schema.Struct({ id: UserId, email: Schema.String }),
    ResultId: (user) => user.id,
    execute: (ids) => sql`SELECT id, email FROM users WHERE ${sql.in("id", ids)}`
  }))

// ---- statements ----

interface Account {
  readonly id: number
  readonly balance: number
}

export const accounts = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<Account>`SELECT id, balance FROM accounts WHERE ${sql.and([sql`balance > ${0}`, sql.in("id", [1, 2, 3])])}`
  const [counted] = yield* sql<{ n: number }>`SELECT COUNT(*) AS n FROM accounts`
  const first = Option.fromNullable((yield* sql<Account>`SELECT id, balance FROM accounts LIMIT 1`)[0])
  yield* sql`UPDATE accounts SET ${sql.update({ id: 1, balance: 5 }, ["id"])} WHERE id = ${1}`
  return { rows, count: counted?.n ?? 0, first }
})

export const transfer = (from: number, to: number, amount: number) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    return yield* Effect.gen(function*() {
      yield* sql`UPDATE accounts SET balance = balance - ${amount} WHERE id = ${from}`
      yield* sql`UPDATE accounts SET balance = balance + ${amount} WHERE id = ${to}`
      return "done"
    }).pipe(
      sql.withTransaction,
      Effect.retry({ times: 5, schedule: Schedule.exponential("10 millis"), while: (error) => code(error) === "40001" }),
      Effect.catchTag("SqlError", (error) => code(error) === "23505" ? Effect.succeed("was there") : Effect.fail(error))
    )
  })

const code = (error: SqlError.SqlError): unknown =>
  typeof error.cause === "object" && error.cause !== null && "code" in error.cause ? error.cause.code : undefined

// ---- rows on demand, and many at once ----

export const copied = Effect.gen(function*() {
  const from = yield* Archive
  const to = yield* SqlClient.SqlClient
  return yield* from<{ id: number; body: string }>`SELECT id, body FROM events`.stream.pipe(
    Stream.filter((event) => event.body.length > 0),
    Stream.grouped(1_000),
    Stream.runFoldEffect(0, (total, rows) => Effect.as(to`INSERT INTO events ${to.insert(Chunk.toArray(rows))}`, total + rows.length))
  )
})

export const outbox = (messages: ReadonlyArray<string>) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    sql.withTransaction(Effect.forEach(messages, (body) => sql`INSERT INTO outbox (body) VALUES (${body})`, { discard: true })))

// ---- tables ----

const Task = Schema.Struct({ id: Schema.Number, title: Schema.String, done: Schema.Boolean, owner: Schema.NullOr(Schema.Number) })

export const tasks = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE IF NOT EXISTS tasks (id INTEGER PRIMARY KEY, title TEXT NOT NULL, done BOOLEAN NOT NULL, owner INTEGER)`
  const [added] = yield* sql<{ id: number }>`INSERT INTO tasks ${sql.insert({ title: "read", done: false })} RETURNING id`
  yield* sql`UPDATE tasks SET ${sql.update({ done: true })} WHERE id = ${added?.id ?? 0}`
  const open = yield* Effect.flatMap(sql`SELECT * FROM tasks WHERE NOT done ORDER BY id LIMIT 10`, Schema.decodeUnknown(Schema.Array(Task)))
  const owned = yield* sql<{ title: string; owner: string | null }>`SELECT t.title, u.name AS owner FROM tasks t LEFT JOIN users u ON u.id = t.owner`
  yield* sql`DELETE FROM tasks WHERE done`
  return { open, owned }
})

// ---- one connection, messages, promises ----

export const temporary = Effect.scoped(Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const connection = yield* sql.reserve
  yield* connection.executeUnprepared("CREATE TEMPORARY TABLE found (id INTEGER)", [], undefined)
  yield* connection.execute("INSERT INTO found VALUES (1)", [], undefined)
  return yield* connection.execute("SELECT id FROM found", [], undefined)
}))

export const orders = Stream.unwrap(Effect.map(PgClient.PgClient, (sql) => sql.listen("orders")))

export const main = async () => {
  const runtime = ManagedRuntime.make(app)
  try {
    return await runtime.runPromise(Effect.all([transfer(1, 2, 10), accounts, Effect.flatMap(repository, (users) => users.findById(UserId.make(1)))]))
  } finally {
    await runtime.dispose()
  }
}

export const program = Effect.all([copied, outbox(["a"]), tasks, temporary, Stream.runHead(orders)], { concurrency: 2 }).pipe(
  Effect.provide([app, archive]),
  Effect.withSpan("program")
)
