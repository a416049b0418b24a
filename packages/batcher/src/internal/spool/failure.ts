/**
 * What a file system answers, as a failure of the spool: a full disk is told from everything else.
 *
 * @internal
 */
import type { PlatformError } from "@effect/platform/Error"
import { SpoolError } from "../../SpoolError.js"

/** Names the file, and what could not be done with it. */
export const failed = (file: string, what: string) => (cause: PlatformError): SpoolError => {
  const isFull = /ENOSPC|EDQUOT|EFBIG/.test(cause.message)
  return new SpoolError({ reason: isFull ? "Full" : "Io", message: `${file} ${what}: ${isFull ? "the disk is full" : cause.message}`, file, cause })
}
