/**
 * The statement's implementation: from a template or a text to a query, and from a result to what was asked for.
 *
 * @internal
 */
import * as StockClient from "@effect/sql/SqlClient"
import * as StockStatement from "@effect/sql/Statement"
import * as Chunk from "effect/Chunk"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Either from "effect/Either"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Schema from "effect/Schema"
import type { Scope as EffectScope } from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import type { Connection, Query, Result, Rows } from "../Connection.js"
import * as Cursor from "../Cursor.js"
import * as Reason from "../Reason.js"
import * as Sql from "../Sql.js"
import * as SqlError from "../SqlError.js"
import type * as SqlScript from "../SqlScript.js"
import type { Options, Run, Statement } from "../Statement.js"
import * as Telemetry from "../Telemetry.js"
import { type Client, hooksOf, refused, scopeFor, type Shape } from "./client.js"
import { bySchema, Decoded } from "./decoded.js"
import { classify } from "./statement/classify.js"
import { indexStatements } from "./statement/indexes.js"
import { overLimits } from "./statement/limits.js"
import { counted, type Line, logged, loggedScoped, rowsOf } from "./telemetry/log.js"
import { count, millis } from "../Options.js"
import { openRows, type Prepared, runIn } from "./run.js"
import type { Scope } from "./scope.js"

/** Where a statement's text comes from: a template, or segments (also those of `unsafe`). */
export type Source =
  | { readonly strings: TemplateStringsArray; readonly args: ReadonlyArray<unknown> }
  | { readonly segments: ReadonlyArray<StockStatement.Segment>; readonly problem?: SqlError.SqlError | undefined }

interface Mode {
  readonly rowMode: "object" | "array"
  readonly prepare: boolean
  readonly transform: boolean
}

/** A statement's options, and whether its rows come as arrays whoever asks: then what reads them knows the columns. */
export interface OwnOptions extends Options {
  readonly rowMode?: "array" | undefined
}

const objects: Mode = { rowMode: "object", prepare: true, transform: true }
const arrays: Mode = { rowMode: "array", prepare: true, transform: true }

export class StatementImpl<A> extends Effectable.Class<ReadonlyArray<A>, SqlError.SqlError> implements Statement<A, never> {
  constructor(
    readonly client: Client,
    readonly source: Source,
    readonly options: OwnOptions,
    /** A session's statements run on its scope, whatever fiber runs them. */
    readonly scope: Scope | undefined
  ) {
    super()
  }

  get [StockStatement.FragmentId](): (_: never) => StockStatement.FragmentId {
    return identity
  }

  get segments(): ReadonlyArray<StockStatement.Segment> {
    return "segments" in this.source ? this.source.segments : Sql.segments(this.source.strings, this.source.args)
  }

  override commit(): Effect.Effect<ReadonlyArray<A>, SqlError.SqlError> {
    return this.execute(objects, (result) => this.rows(result, true))
  }

  get withoutTransform(): Effect.Effect<ReadonlyArray<A>, SqlError.SqlError> {
    return this.execute({ ...objects, transform: false }, (result) => this.rows(result, false))
  }

  get unprepared(): Effect.Effect<ReadonlyArray<A>, SqlError.SqlError> {
    return this.execute({ ...objects, prepare: false }, (result) => this.rows(result, true))
  }

  get values(): Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, SqlError.SqlError> {
    return this.execute(arrays, (result) => result.rows as ReadonlyArray<ReadonlyArray<unknown>>)
  }

  get raw(): Effect.Effect<unknown, SqlError.SqlError> {
    return this.execute({ ...objects, transform: false }, (result) => this.client.raw(result))
  }

  get run(): Effect.Effect<Run, SqlError.SqlError> {
    return this.execute(arrays, ({ lastInsertId, rowsAffected }) => ({ rowsAffected, lastInsertId }))
  }

  get result(): Effect.Effect<Result<A>, SqlError.SqlError> {
    return this.execute(objects, (result) => this.resultOf(result))
  }

  get results(): Effect.Effect<ReadonlyArray<Result<A>>, SqlError.SqlError> {
    return this.perform(
      objects,
      (connection, query) => connection.results(query),
      (results) => results.map((result) => this.resultOf(result))
    )
  }

  get first(): Effect.Effect<Option.Option<A>, SqlError.SqlError> {
    return this.execute(objects, (result) => Option.fromNullable(this.rows(result, true)[0]))
  }

  get one(): Effect.Effect<A, SqlError.SqlError> {
    return Effect.flatMap(this.execute(objects, (result) => this.rows(result, true)), (rows) => {
      const row = rows[0]
      return row !== undefined && rows.length === 1 ? Effect.succeed(row) : this.mismatch("exactly one row", rows.length)
    })
  }

  get scalar(): Effect.Effect<never, SqlError.SqlError> {
    return Effect.flatMap(this.values, (rows) => {
      const row = rows[0]
      return row !== undefined && row.length > 0 ? Effect.succeed(row[0] as never) : this.mismatch("at least one row", rows.length)
    })
  }

  get scalarOption(): Effect.Effect<Option.Option<never>, SqlError.SqlError> {
    return Effect.map(this.values, (rows) => {
      const row = rows[0]
      return row !== undefined && row.length > 0 ? Option.some(row[0] as never) : Option.none()
    })
  }

  column<K extends keyof A & string>(name: K): Effect.Effect<ReadonlyArray<A[K]>, SqlError.SqlError> {
    return Effect.flatMap(this.result, ({ columns, rows }) => {
      const first = rows[0]
      const known = first === undefined ? columns.some((column) => this.outName(column.name) === name) : name in (first as object)
      return known ? Effect.succeed(rows.map((row) => row[name])) : this.mismatch(`a column named ${name}`, rows.length)
    })
  }

  private outName(name: string): string {
    const { transformRows } = this.client
    return transformRows === undefined ? name : Object.keys(transformRows([{ [name]: null }])[0] ?? {})[0] ?? name
  }

  get stream(): Stream.Stream<A, SqlError.SqlError> {
    return Stream.unwrapScoped(Effect.map(this.open, (rows) =>
      Stream.repeatEffectChunkOption(Effect.matchEffect(rows.next, {
        onSuccess: (chunk) => chunk.length === 0 ? Effect.fail(Option.none()) : Effect.succeed(Chunk.unsafeFromArray(this.renamed(chunk))),
        onFailure: (error) => Effect.fail(Option.some(error))
      }))))
  }

  get cursor(): Effect.Effect<Cursor.Cursor<A>, SqlError.SqlError, EffectScope> {
    return Effect.gen(this, function*() {
      const rows = yield* this.open
      let isOpen = true
      yield* Effect.addFinalizer(() => Effect.sync(() => {
        isOpen = false
      }))
      return yield* Cursor.make<A>(rows, () => isOpen, (chunk) => this.renamed(chunk))
    })
  }

  timeout(duration: Duration.DurationInput): StatementImpl<A> {
    return this.with({ timeout: duration })
  }

  with(options: Options): StatementImpl<A> {
    return new StatementImpl(this.client, this.source, { ...this.options, ...options }, this.scope)
  }

  compile(withoutTransform = false): readonly [sql: string, params: ReadonlyArray<unknown>] {
    const compiled = Either.getOrThrowWith(this.compiled(!withoutTransform), identity)
    return [compiled.sql, compiled.params]
  }

  preview(options?: Sql.PreviewOptions): string {
    return Either.match(this.compiled(true), {
      onLeft: ({ message }) => `<${message}>`,
      onRight: (compiled) => Sql.preview(compiled, this.client.dialect, options)
    })
  }

  toJSON(): unknown {
    const compiled = this.compiled(true)
    // Parameters are values of users: only their number is shown (law E4).
    return { _id: "@sluice/core/Statement", ...(Either.isRight(compiled) ? { sql: compiled.right.sql, params: compiled.right.params.length } : {}) }
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  // ---- from text to query ----

  private compiled(transform: boolean): Either.Either<Sql.Compiled, SqlError.SqlError> {
    if ("problem" in this.source && this.source.problem !== undefined) return Either.left(this.source.problem)
    return Sql.compile(this, this.client.dialect, transform ? this.client.transformName : undefined)
  }

  private shaped(transform: boolean): Either.Either<Sql.Compiled & { readonly classification: SqlScript.Classification }, SqlError.SqlError> {
    const { client, source } = this
    if ("strings" in source && source.args.every(Sql.isParameter)) {
      let shape: Shape | undefined = client.shapes.get(source.strings)
      if (shape === undefined) {
        const compiled = this.compiled(transform)
        if (Either.isLeft(compiled)) return Either.left(compiled.left)
        shape = { sql: compiled.right.sql, classification: classify(client, compiled.right.sql) }
        client.shapes.set(source.strings, shape)
      }
      return Either.right({ sql: shape.sql, params: source.args, classification: shape.classification })
    }
    return Either.map(this.compiled(transform), ({ params, sql }) => ({ sql, params, classification: classify(client, sql) }))
  }

  /** The query of this statement in this context, or why there is none. */
  prepared(mode: Mode, context: Context.Context<never>): Either.Either<Prepared, SqlError.SqlError> {
    const { client, options } = this
    const shaped = this.shaped(mode.transform)
    if (Either.isLeft(shaped)) return Either.left(shaped.left)
    const { classification, params, sql } = shaped.right
    const problem = overLimits(client.dialect, sql, params)
    if (problem !== undefined) return Either.left(SqlError.make(problem))
    let timeout = client.settings.statementTimeout
    let fetchSize = client.settings.fetchSize
    if (options.timeout !== undefined) {
      const checked = millis("timeout", options.timeout, 0)
      if (Either.isLeft(checked)) return Either.left(checked.left)
      timeout = Number.isFinite(checked.right) ? checked.right : undefined
    }
    if (options.fetchSize !== undefined) {
      const checked = count("fetchSize", options.fetchSize, fetchSize, 1)
      if (Either.isLeft(checked)) return Either.left(checked.left)
      fetchSize = checked.right
    }
    const query: Query = {
      sql,
      params,
      rowMode: options.rowMode ?? mode.rowMode,
      prepare: mode.prepare,
      readOnly: classification.readOnly,
      returnsRows: classification.returnsRows,
      integers: options.integers ?? (context.unsafeMap.get(StockClient.SafeIntegers.key) === true ? "bigint" : client.settings.integers),
      duplicates: options.duplicates ?? client.settings.duplicates,
      fetchSize,
      timeout
    }
    return Either.right({
      query,
      leavesState: classification.leavesState,
      timeout: options.timeout === undefined ? "database" : "statement",
      label: options.label
    })
  }

  // ---- running ----

  private execute<B>(mode: Mode, project: (result: Result) => B): Effect.Effect<B, SqlError.SqlError> {
    return this.perform(mode, (connection, query) => connection.execute(query), project)
  }

  private perform<B, C>(
    mode: Mode,
    send: (connection: Connection, query: Query) => Effect.Effect<B, SqlError.SqlError>,
    project: (answer: B) => C
  ): Effect.Effect<C, SqlError.SqlError> {
    return Effect.withFiberRuntime((fiber) =>
      this.observed(fiber, mode, undefined, (self, line) => {
        const prepared = self.prepared(mode, fiber.currentContext)
        if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
        const scope = scopeFor(self.client, fiber.currentContext, self.scope)
        const shown = line === undefined ? project : (answer: B) => {
          line.rows = rowsOf(answer)
          return project(answer)
        }
        const run = (one: Prepared) => runIn(self.client, scope, one, (connection) => send(connection, one.query), shown)
        const indexes = indexStatements(self.client, prepared.right)
        if (indexes === undefined) return run(prepared.right)
        const [last, ...before] = indexes.toReversed()
        return Effect.zipRight(Effect.forEach(before.toReversed(), run, { discard: true }), run(last!))
      })
    )
  }

  /** Its query among several, and what its result is of the answer. */
  batched(context: Context.Context<never>): Either.Either<Prepared, SqlError.SqlError> {
    return this.prepared(objects, context)
  }

  resultOf(result: Result): Result<A> {
    return { ...result, rows: this.rows(result, true) }
  }

  /** Sends this statement's query in a way of the caller's. */
  send<B>(rowMode: "object" | "array", send: (connection: Connection, query: Query) => Effect.Effect<B, SqlError.SqlError>): Effect.Effect<B, SqlError.SqlError> {
    return this.perform(rowMode === "array" ? arrays : objects, send, identity)
  }

  private get open() {
    return Effect.withFiberRuntime<Rows, SqlError.SqlError, EffectScope>((fiber) =>
      this.observed(fiber, objects, "scoped", (self, line) => {
        const prepared = self.prepared(objects, fiber.currentContext)
        if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
        const rows = openRows(self.client, prepared.right, self.scope)
        return line === undefined ? rows : Effect.map(rows, (rows) => counted(rows, line))
      })
    )
  }

  // A span only where a tracer listens, a transformer only where one is set, a look only where somebody looks: none of
  // them costs anything else.
  private observed<B, R>(
    fiber: Fiber.RuntimeFiber<unknown, unknown>,
    mode: Mode,
    scoped: "scoped" | undefined,
    f: (self: StatementImpl<A>, line: Line | undefined) => Effect.Effect<B, SqlError.SqlError, R>
  ): Effect.Effect<B, SqlError.SqlError, R> {
    const { client } = this
    const transformer = fiber.getFiberRef(StockStatement.currentTransformer)
    const traced = Telemetry.isTraced(fiber)
    if (transformer._tag === "None" && !traced && !client.observed) return f(this, undefined)
    const compiled = this.compiled(mode.transform)
    if (Either.isLeft(compiled)) return refused(client, compiled.left)
    const { sql } = compiled.right
    const { label } = this.options
    const { verb } = classify(client, sql)
    const line: Line | undefined = client.log === undefined ? undefined : { sql, database: client.dialect.name, operation: verb, label, rows: undefined }
    const work = (span: Tracer.Span) =>
      transformer._tag === "None"
        ? f(this, line)
        : Effect.flatMap(transformer.value(this, client.stock(), fiber.getFiberRefs(), span), (statement) =>
          f(statement instanceof StatementImpl ? statement : new StatementImpl<A>(client, statement, this.options, this.scope), line))
    const run = Telemetry.statementSpan(client, { verb, sql, label }, scoped, work)
    const hooks = hooksOf(client)
    const told = hooks === undefined ? run : Effect.tapErrorCause(run, (cause) =>
      Effect.sync(() => hooks.failed(cause, { phase: "execute", query: compiled.right, label })))
    if (client.log === undefined || line === undefined) return told
    return scoped === undefined
      ? logged(client.log, line, told)
      // A span that is scoped asks for a scope as well, and its type does not say so.
      : loggedScoped(client.log, line, told) as Effect.Effect<B, SqlError.SqlError, R>
  }

  private rows(result: Result, transform: boolean): ReadonlyArray<A> {
    return transform ? this.renamed(result.rows) : (result.rows as ReadonlyArray<A>)
  }

  // What the server sends has the type that the user gave it; `Schema` at the edge is how it is proven.
  private renamed(rows: ReadonlyArray<unknown>): ReadonlyArray<A> {
    const { transformRows } = this.client
    return (transformRows === undefined || this.options.rowMode === "array" ? rows : transformRows(rows as ReadonlyArray<object>)) as ReadonlyArray<A>
  }

  mismatch(expected: string, found: number): Effect.Effect<never, SqlError.SqlError> {
    return Effect.suspend(() => Effect.fail(this.told(
      SqlError.make(new Reason.ResultError({ message: `expected ${expected}, found ${found} ${found === 1 ? "row" : "rows"}`, expected, found, ...this.answered() }))
    )))
  }

  /** An error of what was answered, which is told to hooks. */
  told(error: SqlError.SqlError): SqlError.SqlError {
    const compiled = hooksOf(this.client) === undefined ? undefined : this.compiled(true)
    if (compiled !== undefined) hooksOf(this.client)?.tell(error, { phase: "decode", query: Either.getOrUndefined(compiled), label: this.options.label })
    return error
  }

  /** What an error says of a statement that was answered: one that writes did so, only its rows are not what was asked for. */
  answered(): { readonly outcome: Reason.Outcome; readonly statement?: string } {
    const compiled = this.compiled(true)
    if (Either.isLeft(compiled)) return { outcome: "not-applied" }
    const { sql } = compiled.right
    return { outcome: classify(this.client, sql).readOnly ? "not-applied" : "applied", statement: sql }
  }

  decode<B, I>(schema: Schema.Schema<B, I>): Statement<B, never> {
    return new Decoded(this, bySchema(schema))
  }
}
