/**
 * A stock driver's own migrator on `layerStock`: as a layer, and with the schema that it has dumped by a program of the
 * server's.
 *
 * How it migrates is the stock Migrator's, which the conformance suite asks for (law V5). A dialect's tests call it by its path.
 */
import type * as Command from "@effect/platform/Command"
import * as CommandExecutor from "@effect/platform/CommandExecutor"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Migrator from "@effect/sql/Migrator"
import * as SqlClient from "@effect/sql/SqlClient"
import type * as StockError from "@effect/sql/SqlError"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Stock } from "./client.js"

type Platform = FileSystem.FileSystem | Path.Path | CommandExecutor.CommandExecutor

type Migrations = Migrator.MigratorOptions<SqlClient.SqlClient>

type Refused = Migrator.MigrationError | StockError.SqlError

/** A driver's migrator, as these tests see it. */
export interface Options {
  readonly stock: Stock<SqlClient.SqlClient>
  readonly run: (migrations: Migrations) => Effect.Effect<unknown, Refused, Platform | SqlClient.SqlClient>
  readonly layer: (migrations: Migrations) => Layer.Layer<never, Refused, Platform | SqlClient.SqlClient>
  /** Asserts that this command dumps the schema of the database that the client's config names. */
  readonly dumps: (command: Command.StandardCommand) => Effect.Effect<void, never, SqlClient.SqlClient>
}

// The migrator wants them in its type; it uses them only to dump a schema.
const platform = (executor: CommandExecutor.CommandExecutor, written: Map<string, string> = new Map()) =>
  Layer.mergeAll(
    Path.layer,
    Layer.succeed(CommandExecutor.CommandExecutor, executor),
    FileSystem.layerNoop({
      makeDirectory: () => Effect.void,
      writeFileString: (file, text) => Effect.sync(() => {
        written.set(file, text)
      })
    })
  )

const none = platform(CommandExecutor.makeExecutor(() => Effect.die("no command is expected")))

const people = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE TABLE people (id INTEGER PRIMARY KEY)`)
const names = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.zipRight(sql`ALTER TABLE people ADD COLUMN name VARCHAR(20)`, sql`INSERT INTO people VALUES (1, 'Ada')`))

export const migrator = ({ dumps, layer, run, stock }: Options): void => {
  it.live("runs as a layer beneath the app", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      assert.deepStrictEqual(yield* sql`SELECT name FROM people`, [{ name: "Ada" }])
    }).pipe(Effect.provide(
      layer({ loader: Migrator.fromRecord({ "1_people": people, "2_names": names }) }).pipe(Layer.provideMerge(stock()), Layer.provide(none))
    )))

  it.live("dumps the schema of the database that the config names", () =>
    Effect.gen(function*() {
      const commands: Array<Command.StandardCommand> = []
      const written = new Map<string, string>()
      const executor = CommandExecutor.makeExecutor((command) => {
        if (command._tag === "StandardCommand") commands.push(command)
        return Effect.succeed({ stdout: Stream.make(new TextEncoder().encode("CREATE TABLE people")) } as Partial<CommandExecutor.Process> as CommandExecutor.Process)
      })
      yield* run({ loader: Migrator.fromRecord({ "1_people": people }), schemaDirectory: "schema" }).pipe(Effect.provide(platform(executor, written)))
      yield* Effect.forEach(commands, dumps)
      assert.strictEqual(commands.length, 2)
      assert.deepStrictEqual([...written], [["schema/_schema.sql", "CREATE TABLE people\n\nCREATE TABLE people"]])
    }).pipe(Effect.provide(stock())))
}
