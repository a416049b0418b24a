/**
 * Settings: the defaults of the options, and the refusal of what cannot work.
 *
 * It opens nothing (that is `handle`). Called by `connection`.
 *
 * @since 0.1.0
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import { isPrivate, type Options, type Settings } from "./options.js"

const pragmaName = /^[a-z_]+$/

/** Fills in the defaults, or says which field cannot work. */
export const settings = (options: Options): Settings | SqlError.SqlError => {
  const filled: Settings = {
    filename: options.filename,
    readOnly: options.readOnly ?? false,
    wal: options.wal ?? true,
    busyTimeout: options.busyTimeout ?? 5000,
    integers: options.integers ?? "number",
    pragmas: options.pragmas ?? {},
    setup: options.setup,
    extensions: options.extensions ?? [],
    threads: options.threads ?? true,
    cacheSize: options.cacheSize ?? 200
  }
  if (typeof filled.filename !== "string") return refuse("filename", "filename must be a string")
  if (filled.readOnly && isPrivate(filled.filename)) return refuse("readOnly", "an in-memory database cannot be read-only")
  if (!Number.isFinite(filled.busyTimeout) || filled.busyTimeout < 0 || filled.busyTimeout > 0x7fffffff) {
    return refuse("busyTimeout", "busyTimeout must be between 0 and 2147483647 milliseconds")
  }
  if (!Number.isInteger(filled.cacheSize) || filled.cacheSize < 0) {
    return refuse("cacheSize", "cacheSize must be a whole number from 0")
  }
  for (const [name, value] of Object.entries(filled.pragmas)) {
    if (!pragmaName.test(name)) return refuse(`pragmas.${name}`, "a pragma's name is made of lower-case letters and underscores")
    if (typeof value !== "string" && typeof value !== "boolean" && !(typeof value === "number" && Number.isFinite(value))) {
      return refuse(`pragmas.${name}`, "a pragma's value is a finite number, a string or a boolean")
    }
  }
  return filled
}

const refuse = (field: string, message: string): SqlError.SqlError =>
  SqlError.make(new Reason.ConfigError({ message, field, operation: "connect" }))
