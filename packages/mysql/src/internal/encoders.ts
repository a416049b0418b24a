/**
 * Encoders: parameters as the user's own encoders send them, before anything else is done with them.
 *
 * Where there is none nothing is done. Called by `text`, `many` and `bulk`.
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import type { Encoder } from "../Codecs.js"

/** The parameters, encoded; `where` says which one could not be. */
export const encoded = (
  params: ReadonlyArray<unknown>,
  encoders: ReadonlyArray<Encoder>,
  statement: string,
  where: (index: number) => string = (index) => `parameter ${index + 1}`
): ReadonlyArray<unknown> | SqlError.SqlError => {
  if (encoders.length === 0) return params
  const out = new Array<unknown>(params.length)
  for (let i = 0; i < params.length; i++) {
    const value = params[i]
    try {
      const own = value === null || value === undefined ? undefined : encoders.find((one) => one.is(value))
      out[i] = own === undefined ? value : own.encode(value)
    } catch (cause) {
      // What an encoder throws may quote the value.
      return SqlError.make(new Reason.DataError({ message: `the encoder of ${where(i)} failed`, operation: "encode", statement, cause }))
    }
  }
  return out
}
