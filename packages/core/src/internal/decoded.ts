/**
 * Decoded: a statement whose rows are made into something else before anybody sees them.
 *
 * It sends nothing itself: the statement inside does, and each of its ways to read rows is passed through the decoder. A
 * row that does not fit is a DecodeError with the row's index, the column and the statement. Made by `Statement.decode`
 * and by the queries of a table.
 *
 * @internal
 */
import * as StockStatement from "@effect/sql/Statement"
import * as Chunk from "effect/Chunk"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Result } from "../Connection.js"
import type { Cursor } from "../Cursor.js"
import * as Reason from "../Reason.js"
import type { RowDecoder } from "../RowDecoder.js"
import type { PreviewOptions } from "../Sql.js"
import * as SqlError from "../SqlError.js"
import type { Options, Run, Statement } from "../Statement.js"
import type { StatementImpl } from "./statement.js"

/** Why a row does not fit. Values are in the cause only, which nothing prints. */
export class Misfit {
  constructor(readonly column: string | undefined, readonly why: string, readonly cause?: unknown) {}
}

/** Makes one row of what the server sent. */
export type Decoder<out A> = (row: unknown) => A | Misfit

type Inner = StatementImpl<unknown>

export class Decoded<A> extends Effectable.Class<ReadonlyArray<A>, SqlError.SqlError> implements Statement<A, never> {
  constructor(readonly inner: Inner, readonly decoder: Decoder<A>) {
    super()
  }

  get [StockStatement.FragmentId](): (_: never) => StockStatement.FragmentId {
    return identity
  }

  get segments(): ReadonlyArray<StockStatement.Segment> {
    return this.inner.segments
  }

  override commit(): Effect.Effect<ReadonlyArray<A>, SqlError.SqlError> {
    return this.all(this.inner)
  }

  get withoutTransform(): Effect.Effect<ReadonlyArray<A>, SqlError.SqlError> {
    return this.all(this.inner.withoutTransform)
  }

  get unprepared(): Effect.Effect<ReadonlyArray<A>, SqlError.SqlError> {
    return this.all(this.inner.unprepared)
  }

  get values(): Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, SqlError.SqlError> {
    return this.inner.values
  }

  get raw(): Effect.Effect<unknown, SqlError.SqlError> {
    return this.inner.raw
  }

  get run(): Effect.Effect<Run, SqlError.SqlError> {
    return this.inner.run
  }

  get result(): Effect.Effect<Result<A>, SqlError.SqlError> {
    return Effect.flatMap(this.inner.result, (result) => Either.map(this.rows(result.rows, 0), (rows) => ({ ...result, rows })))
  }

  get results(): Effect.Effect<ReadonlyArray<Result<A>>, SqlError.SqlError> {
    return Effect.flatMap(this.inner.results, (results) =>
      Either.all(results.map((result) => Either.map(this.rows(result.rows, 0), (rows) => ({ ...result, rows })))))
  }

  get first(): Effect.Effect<Option.Option<A>, SqlError.SqlError> {
    return Effect.flatMap(this.inner.first, (row) =>
      Option.isNone(row) ? Either.right(Option.none()) : Either.map(this.row(row.value, 0), Option.some))
  }

  get one(): Effect.Effect<A, SqlError.SqlError> {
    return Effect.flatMap(this.inner.one, (row) => this.row(row, 0))
  }

  get scalar(): Effect.Effect<never, SqlError.SqlError> {
    return Effect.flatMap(this.first, (row) =>
      Option.isSome(row) ? Effect.succeed(firstField(row.value)) : this.inner.mismatch("at least one row", 0))
  }

  get scalarOption(): Effect.Effect<Option.Option<never>, SqlError.SqlError> {
    return Effect.map(this.first, Option.map(firstField))
  }

  column<K extends keyof A & string>(name: K): Effect.Effect<ReadonlyArray<A[K]>, SqlError.SqlError> {
    return Effect.flatMap(this, (rows) =>
      rows.every((row) => typeof row === "object" && row !== null && name in row)
        ? Effect.succeed(rows.map((row) => row[name]))
        : this.inner.mismatch(`a column named ${name}`, rows.length))
  }

  get stream(): Stream.Stream<A, SqlError.SqlError> {
    return Stream.suspend(() => {
      let from = 0
      return Stream.mapChunksEffect(this.inner.stream, (chunk) => {
        const rows = this.rows(Chunk.toReadonlyArray(chunk), from)
        from += chunk.length
        return Either.map(rows, Chunk.unsafeFromArray)
      })
    })
  }

  get cursor(): Effect.Effect<Cursor<A>, SqlError.SqlError, Scope> {
    return Effect.map(this.inner.cursor, (cursor) => {
      let from = 0
      const decoded = (rows: ReadonlyArray<unknown>) => {
        const at = from
        from += rows.length
        return this.rows(rows, at)
      }
      return {
        columns: cursor.columns,
        fetchOne: Effect.flatMap(cursor.fetchOne, (row) =>
          Option.isNone(row) ? Either.right(Option.none()) : Either.map(decoded([row.value]), (rows) => Option.fromNullable(rows[0]))),
        fetchMany: (n) => Effect.flatMap(cursor.fetchMany(n), decoded),
        fetchAll: Effect.flatMap(cursor.fetchAll, decoded)
      }
    })
  }

  timeout(duration: Duration.DurationInput): Statement<A, never> {
    return this.with({ timeout: duration })
  }

  with(options: Options): Statement<A, never> {
    return new Decoded(this.inner.with(options), this.decoder)
  }

  decode<B, I>(schema: Schema.Schema<B, I>): Statement<B, never> {
    const next = bySchema(schema)
    return new Decoded(this.inner, (row) => {
      const decoded = this.decoder(row)
      return decoded instanceof Misfit ? decoded : next(decoded)
    })
  }

  decodeWith<B>(decoder: RowDecoder<B>): Statement<B, never> {
    return this.inner.decodeWith(decoder)
  }

  get bytes(): Statement<ReadonlyArray<Uint8Array | null>, never> {
    return this.inner.bytes
  }

  compile(withoutTransform?: boolean | undefined): readonly [sql: string, params: ReadonlyArray<unknown>] {
    return this.inner.compile(withoutTransform)
  }

  preview(options?: PreviewOptions): string {
    return this.inner.preview(options)
  }

  toJSON(): unknown {
    return this.inner.toJSON()
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  private all(effect: Effect.Effect<ReadonlyArray<unknown>, SqlError.SqlError>): Effect.Effect<ReadonlyArray<A>, SqlError.SqlError> {
    return Effect.flatMap(effect, (rows) => this.rows(rows, 0))
  }

  private rows(rows: ReadonlyArray<unknown>, from: number): Either.Either<ReadonlyArray<A>, SqlError.SqlError> {
    const out = new Array<A>(rows.length)
    for (let i = 0; i < rows.length; i++) {
      const row = this.decoder(rows[i])
      if (row instanceof Misfit) return Either.left(this.failure(row, from + i))
      out[i] = row
    }
    return Either.right(out)
  }

  private row(row: unknown, index: number): Either.Either<A, SqlError.SqlError> {
    const decoded = this.decoder(row)
    return decoded instanceof Misfit ? Either.left(this.failure(decoded, index)) : Either.right(decoded)
  }

  private failure(misfit: Misfit, row: number): SqlError.SqlError {
    return this.inner.told(undecoded(misfit, row, this.inner.answered()))
  }
}

/** A DecodeError of a row that is not what it should be, without what it is (law E4). */
export const undecoded = ({ cause, column, why }: Misfit, row: number, answered: ReturnType<Inner["answered"]>): SqlError.SqlError => {
  const where = column === undefined ? `row ${row}` : `column "${column}" of row ${row}`
  return SqlError.make(new Reason.DecodeError({ message: `${where} ${why}`, operation: "decode", column, row, cause, ...answered }))
}

const firstField = (row: unknown): never => (typeof row === "object" && row !== null ? Object.values(row)[0] : row) as never

/** A decoder by a Schema. What the row holds is not in the message: it may be anybody's (law E4). */
export const bySchema = <A, I>(schema: Schema.Schema<A, I>): Decoder<A> => {
  const decode = ParseResult.decodeUnknownEither(schema)
  return (row) => Either.match(decode(row), { onRight: identity, onLeft: (issue) => misfitOf(issue) })
}

/** What a Schema says of a value, without the value. */
export const misfitOf = (issue: ParseResult.ParseIssue): Misfit => {
  let column: string | undefined
  let leaf = issue
  for (;;) {
    if (leaf._tag === "Pointer") {
      const [field] = Array.isArray(leaf.path) ? leaf.path : [leaf.path]
      column ??= String(field)
      leaf = leaf.issue
    } else if (leaf._tag === "Composite") {
      leaf = "_tag" in leaf.issues ? leaf.issues : leaf.issues[0]
    } else if (leaf._tag === "Refinement" || leaf._tag === "Transformation") {
      if (leaf._tag === "Refinement" && leaf.kind === "Predicate") return new Misfit(column, `is not ${String(leaf.ast)}`, issue)
      leaf = leaf.issue
    } else {
      return new Misfit(column, leaf._tag === "Missing" ? "is missing" : leaf._tag === "Unexpected" ? "is not expected" : `is not ${String(leaf.ast)}`, issue)
    }
  }
}
