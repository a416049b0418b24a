/**
 * One entry of a list of hosts, as text or as a record. No message quotes it: a whole URL may have been put there, with
 * its password. Called by `Hosts`.
 *
 * @internal
 */
import * as Either from "effect/Either"
import type { Host } from "../../ConnectionString.js"
import { type Checked, refuse } from "../../Options.js"

type Entry = string | { readonly host: string; readonly port?: number | undefined }

export const host = (entry: Entry, index: number): Checked<Host> => {
  const field = `hosts[${index}]`
  const found = typeof entry === "string" ? ofText(entry.trim()) : entry
  if (found === undefined) return refuse(field, "must be a name, name:port or [IPv6]:port")
  const { port } = found
  if (found.host === "" || /[\s/@,]/.test(found.host)) return refuse(field, "must name one host, and nothing but it and its port")
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) return refuse(`${field}.port`, "must be a whole number from 1 to 65535")
  return Either.right({ host: found.host, port })
}

const ofText = (text: string): Host | undefined => {
  const found = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(text)
  if (found !== null) return { host: found[1] ?? found[2]!, port: found[3] === undefined ? undefined : Number(found[3]) }
  // An IPv6 address without brackets has no port.
  return /^[0-9a-fA-F.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:%\w+)?$/.test(text) ? { host: text, port: undefined } : undefined
}
