/**
 * Moments: an instant as one database writes it, as a column of another holds it, with all of its digits.
 *
 * A Date holds milliseconds, and the servers keep six digits of a second or as many as the column was made with; what is more they round
 * without a word. Called by `values`, for copies between two databases.
 *
 * @internal
 */
import type { ColumnType, Tables } from "../../Dialect.js"
import { Misfit } from "../decoded.js"

/** A Date where that is exact, a text where it is not, or why the column does not hold it; `undefined` where the value is no moment. */
export type Adopt = (value: unknown) => Date | string | Misfit | undefined

/** For a column of this type, as its dialect names it; `undefined` where that is no instant. */
export const adopting = ({ kind }: ColumnType, native: string, tables: Tables): Adopt | undefined => {
  const isMoment = kind === "timestamp" || (kind === "unknown" && /^(?:datetime|timestamp)/i.test(native))
  if (!isMoment) return undefined
  const most = digitsOf(kind, native, tables)
  return (value) => {
    const parts = typeof value === "string" ? shape.exec(value) : value instanceof Date ? shape.exec(isoOf(value)) : null
    if (parts === null) return undefined
    const [, day, time, fraction = "", zone = "Z"] = parts
    const date = new Date(`${day}T${time}.${fraction.slice(0, 3).padEnd(3, "0")}${zone.length === 3 ? `${zone}:00` : zone}`)
    if (Number.isNaN(date.getTime())) return undefined
    const digits = fraction.replace(/0+$/, "")
    if (digits.length > most) return new Misfit(undefined, `has more than ${most} digits of a second`)
    return kind === "timestamp" && digits.length <= 3 ? date : textOf(date, digits.slice(3), tables)
  }
}

const shape = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/i

const isoOf = (date: Date): string => Number.isNaN(date.getTime()) ? "" : date.toISOString()

/** How many digits of a second a column keeps. A dialect whose own type names none bounds none. */
const digitsOf = (kind: ColumnType["kind"], native: string, tables: Tables): number => {
  const said = /\((\d)\)/
  if (!said.test(String(tables.type({ kind: "timestamp" }, false)))) return Number.POSITIVE_INFINITY
  const given = said.exec(native)?.[1]
  return given === undefined ? kind === "timestamp" ? 0 : 6 : Number(given)
}

/** As the dialect writes an instant, with more digits behind the milliseconds. */
const textOf = (date: Date, rest: string, tables: Tables): string | undefined =>
  /'([^']*)'/.exec(tables.literal(date) ?? "")?.[1]?.replace(/\.\d{3}/, (millis) => millis + rest)
