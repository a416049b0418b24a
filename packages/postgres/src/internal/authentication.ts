/**
 * Authentication: what a server may ask for before it gets anything, by `channelBinding` and `requireAuth`.
 *
 * pg answers the server; this only listens, and ends the connecting before an answer is sent. Without it whoever sits
 * between could ask for the password in clear text. Called by `login`.
 * https://www.postgresql.org/docs/17/libpq-connect.html#LIBPQ-CONNECT-REQUIRE-AUTH
 *
 * @internal
 */
import * as Options from "@sluice/core/Options"
import * as Either from "effect/Either"
import type { Duplex } from "node:stream"
import { TLSSocket } from "node:tls"
import type * as Driver from "./driver.js"

const methods = ["password", "md5", "scram-sha-256", "none"]

/** What libpq has as well, and this does not speak. */
const foreign = ["gss", "sspi", "oauth"]

/** The methods that a `requireAuth` lets through. */
export const parseRequireAuth = (text: string, field: string): Options.Checked<ReadonlySet<string>> => {
  const names = text.split(",").map((each) => each.trim())
  const denied = names.filter((name) => name.startsWith("!")).map((name) => name.slice(1))
  if (denied.length > 0 && denied.length < names.length) return Options.refuse(field, "mixes methods with and without an exclamation mark")
  const known = denied.length > 0 ? denied : names
  if (known.some((name) => !methods.includes(name) && !foreign.includes(name))) {
    return Options.refuse(field, `must be a list of ${[...methods, ...foreign].join(", ")}, or of those with an exclamation mark before them`)
  }
  return Either.right(new Set(denied.length > 0 ? methods.filter((name) => !denied.includes(name)) : names))
}

/** What is demanded of a server. */
export interface Demands {
  readonly channelBinding: "disable" | "prefer" | "require"
  /** `undefined`: any will do. */
  readonly allowed: ReadonlySet<string> | undefined
}

/** Listens to what the server asks for; `refuse` is called before anything is answered. */
export const watch = (raw: Driver.Raw, { allowed, channelBinding }: Demands, hasPassword: boolean, refuse: (message: string) => void): void => {
  let asked = false
  const check = (method: string, isBound: boolean): void => {
    asked = true
    if (channelBinding === "require" && !isBound) return refuse("channelBinding is require, and the server offers no authentication that is bound to the channel")
    if (allowed !== undefined && !allowed.has(method)) {
      return refuse(`requireAuth does not allow ${method === "none" ? "a server that asks for no password" : `the method that the server asks for: ${method}`}`)
    }
    if (method !== "none" && !hasPassword) refuse("the server asks for a password, and none is given")
  }
  raw.connection.on("authenticationCleartextPassword", () => check("password", false))
  raw.connection.on("authenticationMD5Password", () => check("md5", false))
  raw.connection.on("authenticationSASL", ({ mechanisms }) => {
    // What SCRAM is bound to is not defined for these, and the server fails where a client tries.
    if (isEdwards(raw.connection.stream)) raw.enableChannelBinding = false
    check("scram-sha-256", raw.enableChannelBinding && mechanisms.includes("SCRAM-SHA-256-PLUS"))
  })
  raw.connection.on("authenticationOk", () => {
    if (!asked) check("none", false)
  })
}

/** Whether a server's certificate is signed by Ed25519 or Ed448, which sign without a digest of their own (RFC 5929, 4.1). */
const isEdwards = (stream: Duplex): boolean => {
  if (!(stream instanceof TLSSocket)) return false
  const { raw } = stream.getPeerCertificate()
  // The algorithm's identifier stands before the signature, which is the certificate's end: RFC 8410, 6 and 10.
  return [[0x70, 64], [0x71, 114]].some(([last = 0, size = 0]) =>
    raw?.subarray(-(size + 10), -(size + 3)).equals(Buffer.from([0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, last])))
}
