/**
 * Files of rows: read as a stream of bytes, and written so that a file is whole or not there.
 *
 * What is written goes to a file beside it, which takes its name when the last byte is in it. Called by `Csv`, `Ndjson` and `Parquet`.
 *
 * @internal
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { FormatError } from "../../FormatError.js"

type Format = FormatError["format"]

/** What the file system says, with the file's name. */
export const failed = (format: Format, path: string, what: string) => (cause: PlatformError): FormatError =>
  new FormatError({ format, path, message: `${path} cannot be ${what}: ${cause.message}`, cause })

/** The bytes of a file. */
export const bytes = (format: Format, path: string): Stream.Stream<Uint8Array, FormatError, FileSystem.FileSystem> =>
  Stream.unwrap(Effect.map(FileSystem.FileSystem, (fs) => Stream.mapError(fs.stream(path), failed(format, path, "read"))))

/** Names the file in what is wrong with its content. */
export const named = (path: string) => (error: FormatError): FormatError =>
  error.path === undefined ? new FormatError({ ...error, message: `${path}: ${error.message}`, path }) : error

/** Opens a file to be written until the scope closes; where that is no success, nothing of it is left and what was there before still is. */
export const writing = (
  format: Format,
  path: string
): Effect.Effect<(bytes: Uint8Array) => Effect.Effect<void, FormatError>, FormatError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const part = `${path}.part`
    yield* Effect.addFinalizer((exit) =>
      Exit.isSuccess(exit) ? Effect.void : Effect.ignore(fs.remove(part)))
    const file = yield* Effect.mapError(fs.open(part, { flag: "w" }), failed(format, path, "made"))
    return (bytes) => bytes.length === 0 ? Effect.void : Effect.mapError(file.writeAll(bytes), failed(format, path, "written"))
  })

/** Gives what was written its name. To be called once, after the last byte. */
export const keep = (format: Format, path: string): Effect.Effect<void, FormatError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.mapError(fs.rename(`${path}.part`, path), failed(format, path, "written")))
