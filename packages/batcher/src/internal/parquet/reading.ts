/**
 * Reading a Parquet file: its row groups as chunks of rows, each value exact.
 *
 * The library would make a double of a decimal and drop the microseconds of an instant: decimals are read as the whole numbers that they are in the file, and
 * instants by parsers of ours; JSON keeps its digits. Called by `Parquet`.
 *
 * @internal
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, type ParquetParsers, parquetRead, parquetSchema, type SchemaElement, type SchemaTree } from "hyparquet"
import { compressors } from "hyparquet-compressors"
import { FormatError } from "../../FormatError.js"
import type { Description, Row } from "../../Parquet.js"
import * as Files from "../format/files.js"
import * as Decimal from "../format/decimal.js"
import { valueOf } from "../format/json.js"

type Instants = "date" | "string"

/** What the end of a file says of it. */
export const describe = (path: string): Effect.Effect<Description, FormatError, FileSystem.FileSystem> =>
  Effect.map(Effect.flatMap(opened(path), (file) => tried(path, () => parquetMetadataAsync(file))), (metadata) => ({
    rows: Number(metadata.num_rows),
    rowGroups: metadata.row_groups.length,
    columns: parquetSchema(metadata).children.map(({ element }) => element.name)
  }))

/** The rows of a file. */
export const read = (path: string, columns: ReadonlyArray<string> | undefined, instants: Instants): Stream.Stream<Row, FormatError, FileSystem.FileSystem> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const file = yield* opened(path)
    const metadata = yield* tried(path, () => parquetMetadataAsync(file))
    const top = parquetSchema(metadata).children
    const missing = columns?.find((name) => !top.some(({ element }) => element.name === name))
    if (missing !== undefined) return yield* Effect.fail(new FormatError({ format: "parquet", path, message: `${path} has no column ${missing}` }))
    const decimals = top.filter(hasDecimal)
    const schema = metadata.schema.map((element): SchemaElement => isDecimal(element) ? raw(element) : element.logical_type?.type === "JSON" ? { ...element, converted_type: "JSON" } : element)
    let start = 0
    const groups = metadata.row_groups.map(({ num_rows }) => {
      const group = { rowStart: start, rowEnd: start + Number(num_rows) }
      start = group.rowEnd
      return group
    })
    const rows = (group: { readonly rowStart: number; readonly rowEnd: number }) =>
      tried(path, async () => {
        let found: ReadonlyArray<Record<string, unknown>> = []
        await parquetRead({
          ...group, file, metadata: { ...metadata, schema } satisfies FileMetaData, rowFormat: "object", compressors, parsers: parsersOf(instants),
          // Of a column without a type of its own bytes are bytes.
          utf8: false,
          ...(columns === undefined ? {} : { columns: [...columns] }),
          onComplete: (all: ReadonlyArray<Record<string, unknown>>) => {
            found = all
          }
        })
        for (const row of found) for (const column of decimals) if (column.element.name in row) row[column.element.name] = exact(column, row[column.element.name])
        return Chunk.unsafeFromArray(found)
      })
    return Stream.flattenChunks(Stream.mapEffect(Stream.fromIterable(groups), rows))
  }))

const opened = (path: string) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const runtime = yield* Effect.runtime()
    const { size } = yield* Effect.mapError(fs.stat(path), Files.failed("parquet", path, "read"))
    const slice = (start: number, end = Number(size)) =>
      Effect.scoped(Effect.gen(function*() {
        const file = yield* fs.open(path, { flag: "r" })
        yield* file.seek(start, "start")
        const bytes = new Uint8Array(end - start)
        for (let at = 0; at < bytes.length;) {
          const count = Number(yield* file.read(bytes.subarray(at)))
          if (count === 0) break
          at += count
        }
        return bytes.buffer
      }))
    const buffer: AsyncBuffer = { byteLength: Number(size), slice: (start, end) => Runtime.runPromise(runtime)(slice(start, end)) }
    return buffer
  })

const isDecimal = ({ converted_type, logical_type }: SchemaElement): boolean => converted_type === "DECIMAL" || logical_type?.type === "DECIMAL"

const hasDecimal = ({ children, element }: SchemaTree): boolean => children.length === 0 ? isDecimal(element) : children.some(hasDecimal)

/** A value of this part of the schema with its decimals as texts, at any depth. */
const exact = (part: SchemaTree, value: unknown): unknown => {
  const { children, element } = part
  if (value === null || value === undefined || !hasDecimal(part)) return value
  const [inner, other] = children
  // What stands between a list and its elements, and between a map and its values, the library leaves out.
  const wraps = other === undefined && inner?.element.repetition_type === "REPEATED"
  if (Array.isArray(value)) {
    const each = wraps && element.converted_type === "LIST" ? (inner.children[0] ?? inner) : part
    return value.map((one) => exact(each, one))
  }
  if (inner === undefined) return decimalOf(value, element.scale ?? 0)
  if (typeof value !== "object") return value
  const of = wraps && element.converted_type === "MAP" ? () => inner.children[1] : (name: string) => children.find((child) => child.element.name === name)
  return Object.fromEntries(Object.entries(value).map(([name, one]) => {
    const child = of(name)
    return [name, child === undefined ? one : exact(child, one)]
  }))
}

const raw = ({ converted_type: _, logical_type: __, ...element }: SchemaElement): SchemaElement => element

const decimalOf = (value: unknown, scale: number): unknown =>
  typeof value === "bigint" || typeof value === "number"
    ? Decimal.textOf(BigInt(value), scale)
    : value instanceof Uint8Array
    ? Decimal.textOf(Decimal.ofBytes(value), scale)
    : value

const parsersOf = (instants: Instants): Partial<ParquetParsers> => ({
  timestampFromMilliseconds: (millis: bigint) => instantOf(millis * 1_000_000n, instants),
  timestampFromMicroseconds: (micros: bigint) => instantOf(micros * 1_000n, instants),
  timestampFromNanoseconds: (nanos: bigint) => instantOf(nanos, instants),
  jsonFromBytes: (bytes: Uint8Array | undefined): unknown => bytes === undefined ? undefined : valueOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"))
})

const million = 1_000_000n

const instantOf = (nanos: bigint, instants: Instants): unknown => {
  const rest = ((nanos % million) + million) % million
  const date = new Date(Number((nanos - rest) / million))
  if (instants === "date") {
    if (rest !== 0n) throw new Inexact()
    return date
  }
  const digits = String(rest).padStart(6, "0").replace(/000$/, "").replace(/^000$/, "")
  return `${date.toISOString().slice(0, -1)}${digits}Z`
}

class Inexact extends Error {
  override readonly message = `an instant has more than milliseconds, which a Date would lose: read it with instants "string"`
}

const tried = <A>(path: string, run: () => Promise<A>): Effect.Effect<A, FormatError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new FormatError({ format: "parquet", path, message: `${path}: ${cause instanceof Error ? cause.message : "it is no Parquet file"}`, cause })
  })
