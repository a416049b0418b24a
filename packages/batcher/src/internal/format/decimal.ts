/**
 * Decimals: whole numbers with a scale, as a Parquet file and Effect have them, and texts, digit by digit. Effect's own texts have exponents.
 *
 * @internal
 */
import * as BigDecimal from "effect/BigDecimal"

/** All digits of a decimal, and no exponent. */
export const digitsOf = ({ scale, value }: BigDecimal.BigDecimal): string => scale >= 0 ? textOf(value, scale) : textOf(value * 10n ** BigInt(-scale), 0)

/** A value as a text of digits, where it is a number of any kind. */
export const digits = (value: unknown): string | undefined => {
  if (typeof value === "string") return value
  if (typeof value === "bigint") return String(value)
  if (BigDecimal.isBigDecimal(value)) return digitsOf(value)
  return typeof value === "number" && Number.isFinite(value) ? digitsOf(BigDecimal.unsafeFromNumber(value)) : undefined
}

/** `-1234` with scale 2 is `-12.34`. */
export const textOf = (unscaled: bigint, scale: number): string => {
  if (scale === 0) return String(unscaled)
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0")
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** The whole number of a text; `undefined` where it is no number, or has digits beyond precision or scale that are not zero. */
export const unscaledOf = (text: string, precision: number, scale: number): bigint | undefined => {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?$/.exec(text.trim())
  if (match === null) return undefined
  const [, sign = "", whole = "", given = ""] = match
  if (whole.length + given.length === 0) return undefined
  const fraction = given.replace(/0+$/, "")
  if (fraction.length > scale || whole.replace(/^0+/, "").length > precision - scale) return undefined
  const unscaled = BigInt(`${whole}${fraction.padEnd(scale, "0")}`)
  return sign === "-" ? -unscaled : unscaled
}

/** The whole number of bytes, the highest first, in two's complement. */
export const ofBytes = (bytes: Uint8Array): bigint => {
  if (bytes.length === 0) return 0n
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString("hex")}`))
}
