/**
 * The statement's implementation: from a template or a text to a query, and from a result to what was asked for.
 *
 * @internal
 */
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
import { type Connection, outcomeOf, type Query, type Result, type Rows } from "../Connection.js"
import * as Cursor from "../Cursor.js"
import * as Reason from "../Reason.js"
import type { RowDecoder } from "../RowDecoder.js"
import * as Sql from "../Sql.js"
import * as SqlError from "../SqlError.js"
import type { Options, Run, Statement } from "../Statement.js"
import * as Telemetry from "../Telemetry.js"
import { type Client, hooksOf, refused, scopeFor } from "./client.js"
import { bySchema, Decoded } from "./decoded.js"
import { classify } from "./statement/classify.js"
import { indexStatements } from "./statement/indexes.js"
import { type Mode, prepare } from "./statement/preparing.js"
import { decoded, decodedRows, type Decoding, provided } from "./statement/rowDecoding.js"
import { shaped } from "./statement/shapes.js"
import { counted, type Line, logged, loggedScoped, rowsOf } from "./telemetry/log.js"
import { lasting, openRows, type Prepared, runIn } from "./run.js"
import type { Scope } from "./scope.js"

/** Where a statement's text comes from: a template, or segments (also those of `unsafe`). */
export type Source =
  | { readonly strings: TemplateStringsArray; readonly args: ReadonlyArray<unknown> }
  | { readonly segments: ReadonlyArray<StockStatement.Segment>; readonly problem?: SqlError.SqlError | undefined }

/**
 * A statement's options, and whether its rows come as arrays, or as bytes, whoever asks: then what reads them knows the
 * columns, and no decoder but its own is asked.
 */
export interface OwnOptions extends Options {
  readonly rowMode?: "array" | "bytes" | undefined
  readonly decoder?: RowDecoder | undefined
}

const objects: Mode = { rowMode: "object", prepare: true, transform: true, decodes: true }
const described: Mode = { ...objects, describes: true }
const arrays: Mode = { rowMode: "array", prepare: true, transform: true, decodes: false }
const natives: Mode = { rowMode: "object", prepare: true, transform: false, decodes: false }

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
    return this.execute(objects, (result, isDecoded) => this.rows(result, isDecoded))
  }

  get withoutTransform(): Effect.Effect<ReadonlyArray<A>, SqlError.SqlError> {
    return this.execute({ ...objects, transform: false }, (result) => result.rows as ReadonlyArray<A>)
  }

  get unprepared(): Effect.Effect<ReadonlyArray<A>, SqlError.SqlError> {
    return this.execute({ ...objects, prepare: false }, (result, isDecoded) => this.rows(result, isDecoded))
  }

  get values(): Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, SqlError.SqlError> {
    return this.execute(arrays, (result) => result.rows as ReadonlyArray<ReadonlyArray<unknown>>)
  }

  get raw(): Effect.Effect<unknown, SqlError.SqlError> {
    return this.execute(natives, (result) => this.client.raw(result))
  }

  get run(): Effect.Effect<Run, SqlError.SqlError> {
    return this.execute(arrays, ({ lastInsertId, rowsAffected }) => ({ rowsAffected, lastInsertId }))
  }

  get result(): Effect.Effect<Result<A>, SqlError.SqlError> {
    return this.execute(described, (result, isDecoded) => this.resultOf(result, isDecoded))
  }

  get results(): Effect.Effect<ReadonlyArray<Result<A>>, SqlError.SqlError> {
    return this.perform(
      objects,
      (connection, query) => connection.results(query),
      (results, isDecoded) => results.map((result) => this.resultOf(result, isDecoded)),
      (results, decoding) => Either.all(results.map((result) => decoded(decoding, result)))
    )
  }

  get first(): Effect.Effect<Option.Option<A>, SqlError.SqlError> {
    return this.execute(objects, (result, isDecoded) => Option.fromNullable(this.rows(result, isDecoded)[0]))
  }

  get one(): Effect.Effect<A, SqlError.SqlError> {
    return Effect.flatMap(this.commit(), (rows) => {
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
    return Effect.flatMap(this.execute(objects, (result, isDecoded) => this.resultOf(result, isDecoded)), ({ columns, rows }) => {
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
        onSuccess: (chunk) => chunk.length === 0 ? Effect.fail(Option.none()) : Effect.succeed(Chunk.unsafeFromArray(chunk as ReadonlyArray<A>)),
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
      return yield* Cursor.make<A>(rows, () => isOpen)
    })
  }

  timeout(duration: Duration.DurationInput): StatementImpl<A> {
    return this.with({ timeout: duration })
  }

  with(options: Options): StatementImpl<A> {
    return new StatementImpl<A>(this.client, this.source, { ...this.options, ...options }, this.scope)
  }

  compile(withoutTransform = false): readonly [sql: string, params: ReadonlyArray<unknown>] {
    const compiled = Either.getOrThrowWith(this.shaped(!withoutTransform) ?? this.compiled(!withoutTransform), identity)
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

  /** By its call site's shape, where that has one. Without names transformed it has another. */
  shaped(transform: boolean): ReturnType<typeof shaped> {
    const { client, source } = this
    return "strings" in source && (transform || client.transformName === undefined) ? shaped(client, source, () => this.compiled(transform)) : undefined
  }

  compiled(transform: boolean): Either.Either<Sql.Compiled, SqlError.SqlError> {
    if ("problem" in this.source && this.source.problem !== undefined) return Either.left(this.source.problem)
    return Sql.compile(this, this.client.dialect, transform ? this.client.transformName : undefined)
  }

  /** The query of this statement in this context, or why there is none. */
  prepared(mode: Mode, context: Context.Context<never>, decoder?: RowDecoder): Either.Either<Prepared, SqlError.SqlError> {
    return prepare(this, mode, context, decoder)
  }

  // ---- running ----

  private execute<B>(mode: Mode, project: (result: Result, isDecoded?: boolean) => B): Effect.Effect<B, SqlError.SqlError> {
    return this.perform(mode, (connection, query) => connection.execute(query), project, (result, decoding) => decoded(decoding, result))
  }

  private perform<B, C>(
    mode: Mode,
    send: (connection: Connection, query: Query) => Effect.Effect<B, SqlError.SqlError>,
    project: (answer: B, isDecoded?: boolean) => C,
    decode?: (answer: B, decoding: Decoding) => Either.Either<B, SqlError.SqlError>,
    times = 1
  ): Effect.Effect<C, SqlError.SqlError> {
    return Effect.withFiberRuntime((fiber) =>
      this.observed(fiber, mode, undefined, (self, line) => {
        const context = fiber.currentContext
        const decoder = self.decoderIn(mode, context)
        const prepared = self.prepared(mode, context, decoder)
        if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
        const scope = scopeFor(self.client, context, self.scope)
        const isDecoded = decoder !== undefined
        const sent = decode === undefined || !isDecoded ? send : (connection: Connection, query: Query) =>
          Effect.flatMap(send(connection, query), (answer) => decode(answer, self.decoding(mode, decoder)))
        const shown = line === undefined && !isDecoded ? project : (answer: B) => {
          if (line !== undefined) line.rows = rowsOf(answer)
          return project(answer, isDecoded)
        }
        const run = (one: Prepared) => runIn(self.client, scope, times === 1 ? one : lasting(one, times), (connection) => sent(connection, one.query), shown)
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

  resultOf(result: Result, isDecoded = false): Result<A> {
    return { ...result, rows: this.rows(result, isDecoded) }
  }

  /** Sends this statement's query in a way of the caller's. */
  send<B>(rowMode: "object" | "array", send: (connection: Connection, query: Query) => Effect.Effect<B, SqlError.SqlError>, times = 1): Effect.Effect<B, SqlError.SqlError> {
    return this.perform(rowMode === "array" ? arrays : objects, send, identity, undefined, times)
  }

  // Open rows as they are read: by a decoder, or under their names.
  private get open() {
    return Effect.withFiberRuntime<Rows, SqlError.SqlError, EffectScope>((fiber) =>
      this.observed(fiber, objects, "scoped", (self, line) => {
        const decoder = self.decoderIn(objects, fiber.currentContext)
        const prepared = self.prepared(objects, fiber.currentContext, decoder)
        if (Either.isLeft(prepared)) return Effect.fail(prepared.left)
        const rows = openRows(self.client, prepared.right, self.scope)
        const read = decoder !== undefined
          ? Effect.flatMap(rows, (rows) => decodedRows(self.decoding(objects, decoder), rows))
          : self.client.transformRows === undefined
          ? rows
          : Effect.map(rows, ({ columns, next }) => ({ columns, next: Effect.map(next, (chunk) => self.renamed(chunk)) }))
        return line === undefined ? read : Effect.map(read, (rows) => counted(rows, line))
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

  // What a decoder has made is what it is.
  private rows(result: Result, isDecoded = false): ReadonlyArray<A> {
    return isDecoded ? result.rows as ReadonlyArray<A> : this.renamed(result.rows)
  }

  // What the server sends has the type that the user gave it; `Schema` at the edge is how it is proven.
  private renamed(rows: ReadonlyArray<unknown>): ReadonlyArray<A> {
    const { transformRows } = this.client
    return (transformRows === undefined || this.options.rowMode !== undefined ? rows : transformRows(rows as ReadonlyArray<object>)) as ReadonlyArray<A>
  }

  // ---- decoding ----

  /** Whether its rows go through a RowDecoder in this context. */
  isDecoded(context: Context.Context<never>): boolean {
    return this.decoderIn(objects, context) !== undefined
  }

  private decoderIn(mode: Mode, context: Context.Context<never>): RowDecoder | undefined {
    if (!mode.decodes) return undefined
    return this.options.decoder ?? (this.options.rowMode === undefined ? provided(context) : undefined)
  }

  private decoding(mode: Mode, decoder: RowDecoder): Decoding {
    return {
      decoder,
      named: (column) => mode.transform ? { ...column, name: this.outName(column.name) } : column,
      failure: (row, cause) =>
        this.told(SqlError.make(new Reason.DecodeError({
          message: `${row === undefined ? "the columns" : `row ${row}`} cannot be read by the RowDecoder`,
          operation: "decode",
          row,
          cause,
          ...this.answered()
        })))
    }
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
    return { outcome: outcomeOf(classify(this.client, sql), "answered"), statement: sql }
  }

  decode<B, I>(schema: Schema.Schema<B, I>): Statement<B, never> {
    return new Decoded(this, bySchema(schema))
  }

  decodeWith<B>(decoder: RowDecoder<B>): Statement<B, never> {
    return new StatementImpl<B>(this.client, this.source, { ...this.options, decoder }, this.scope)
  }

  get bytes(): Statement<ReadonlyArray<Uint8Array | null>, never> {
    return new StatementImpl<ReadonlyArray<Uint8Array | null>>(this.client, this.source, { ...this.options, decoder: undefined, rowMode: "bytes" }, this.scope)
  }
}
