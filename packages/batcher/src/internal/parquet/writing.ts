/**
 * Writing a Parquet file: rows gathered into row groups, each column's values made what the file holds.
 *
 * A value that does not fit is refused by name before its group is written; the library would round it. Called by `Parquet`.
 *
 * @internal
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Sink from "effect/Sink"
import type { SchemaElement } from "hyparquet"
import { ByteWriter, ParquetWriter } from "hyparquet-writer"
import { FormatError } from "../../FormatError.js"
import type { Type } from "../../Parquet.js"
import * as Decimal from "../format/decimal.js"
import { textOf } from "../format/json.js"
import * as FileSink from "../format/sink.js"

/** Writes rows to a file. */
export const write = (
  path: string,
  columns: Readonly<Record<string, Type>>,
  rowGroupSize: number
): Sink.Sink<FileSink.Written, object, never, FormatError, FileSystem.FileSystem> =>
  FileSink.make("parquet", path, Effect.suspend(() => {
    const names = Object.keys(columns)
    const refusal = names.length === 0 ? "columns must name at least one column" : rowGroupSize >= 1 ? undefined : `rowGroupSize must be at least 1, was ${rowGroupSize}`
    if (refusal !== undefined) return Effect.fail(new FormatError({ format: "parquet", path, message: refusal }))
    const bytes = new ByteWriter()
    const schema: Array<SchemaElement> = [{ name: "root", num_children: names.length }, ...names.map((name) => elementOf(name, columns[name]!))]
    const writer = new ParquetWriter({ writer: bytes, schema })
    let gathered = names.map((): Array<unknown> => [])
    let taken = 0
    const take = (): Uint8Array => {
      const all = bytes.getBytes().slice()
      // What was taken is written: places in the file go on, the buffer begins anew.
      bytes.index = 0
      return all
    }
    const group = () => Effect.try({
      try: () => {
        const data = gathered
        gathered = names.map(() => [])
        if (data[0]!.length > 0) void writer.write({ columnData: names.map((name, i) => ({ name, data: data[i]! })), rowGroupSize: data[0]!.length })
        return take()
      },
      catch: (cause) => new FormatError({ format: "parquet", path, message: `${path}: ${cause instanceof Error ? cause.message : "a row cannot be written"}`, cause })
    })
    const gather = (rows: ReadonlyArray<object>): Either.Either<void, FormatError> => {
      for (const row of rows) {
        const record = new Map(Object.entries(row))
        for (const [i, name] of names.entries()) {
          const value = valueOf(record.get(name), columns[name]!)
          if (value === unfit) return Either.left(new FormatError({ format: "parquet", path, message: `rows[${taken}].${name} is no ${wordOf(columns[name]!)}` }))
          gathered[i]!.push(value)
        }
        taken++
      }
      return Either.right(undefined)
    }
    return Effect.succeed({
      rows: (rows: ReadonlyArray<object>) => Effect.flatMap(gather(rows), () => gathered[0]!.length < rowGroupSize ? Effect.succeed(new Uint8Array()) : group()),
      end: Effect.flatMap(Effect.suspend(group), (last) => Effect.sync(() => {
        void writer.finish()
        return Buffer.concat([last, take()])
      }))
    })
  }))

const elementOf = (name: string, type: Type): SchemaElement => {
  const repetition_type = "OPTIONAL" as const
  if (typeof type === "object") {
    const [precision, scale] = type.decimal
    return { name, repetition_type, type: "FIXED_LEN_BYTE_ARRAY", type_length: 16, converted_type: "DECIMAL", precision, scale }
  }
  switch (type) {
    case "boolean": return { name, repetition_type, type: "BOOLEAN" }
    case "integer": return { name, repetition_type, type: "INT32" }
    case "bigint": return { name, repetition_type, type: "INT64" }
    case "double": return { name, repetition_type, type: "DOUBLE" }
    case "bytes": return { name, repetition_type, type: "BYTE_ARRAY" }
    case "timestamp": return { name, repetition_type, type: "INT64", logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "MICROS" } }
    case "date": return { name, repetition_type, type: "INT32", converted_type: "DATE" }
    // Of a converted type the library would make the text, and doubles of bigints in it.
    case "json": return { name, repetition_type, type: "BYTE_ARRAY", logical_type: { type: "JSON" } }
    case "text":
    case "uuid": return { name, repetition_type, type: "BYTE_ARRAY", converted_type: "UTF8" }
  }
}

const unfit = Symbol("unfit")

const wordOf = (type: Type): string => typeof type === "object" ? `decimal(${type.decimal.join(", ")})` : type

const valueOf = (value: unknown, type: Type): unknown => {
  if (value === null || value === undefined) return undefined
  if (typeof type === "object") {
    return Decimal.unscaledOf(Decimal.digits(value) ?? "", ...type.decimal) ?? unfit
  }
  switch (type) {
    case "boolean": return typeof value === "boolean" ? value : value === 0 || value === 1 ? value === 1 : unfit
    case "integer": return isWhole(value) && BigInt.asIntN(32, BigInt(value)) === BigInt(value) ? Number(value) : unfit
    case "bigint": return isWhole(value) && BigInt.asIntN(64, BigInt(value)) === BigInt(value) ? BigInt(value) : unfit
    case "double": return typeof value === "number" ? value : unfit
    case "text":
    case "uuid": return typeof value === "string" ? value : unfit
    case "bytes": return value instanceof Uint8Array ? value : unfit
    case "timestamp": return microsOf(value) ?? unfit
    case "date": return dayOf(value) ?? unfit
    case "json": return jsonOf(value) ?? unfit
  }
}

const jsonOf = (value: unknown): Uint8Array | undefined => {
  try {
    const text = textOf(value)
    return text === undefined ? undefined : new TextEncoder().encode(text)
  } catch {
    return undefined
  }
}

const isWhole = (value: unknown): value is number | bigint | string =>
  typeof value === "bigint" || (typeof value === "number" ? Number.isSafeInteger(value) : typeof value === "string" && /^[+-]?\d+$/.test(value))

// A text without a zone is an instant in UTC.
const microsOf = (value: unknown): bigint | undefined => {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : BigInt(value.getTime()) * 1_000n
  const match = typeof value === "string" ? /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,6})0*)?(Z|[+-]\d\d(?::?\d\d)?)?$/.exec(value) : null
  if (match === null) return undefined
  // PostgreSQL's texts have an offset of whole hours without minutes.
  const zone = match[4]?.length === 3 ? `${match[4]}:00` : match[4] ?? "Z"
  const millis = Date.parse(`${match[1]}T${match[2]}${zone}`)
  return Number.isNaN(millis) ? undefined : BigInt(millis) * 1_000n + BigInt((match[3] ?? "").padEnd(6, "0"))
}

const dayOf = (value: unknown): Date | undefined => {
  const date = value instanceof Date ? value : typeof value === "string" && /^\d{4}-\d\d-\d\d$/.test(value) ? new Date(`${value}T00:00:00Z`) : undefined
  return date === undefined || Number.isNaN(date.getTime()) || date.getTime() % 86_400_000 !== 0 ? undefined : date
}
