/**
 * TLS: in which ways a server is spoken to, and how a connection of the driver goes over to it.
 *
 * What a config says of it is core's `Tls`; what a failed handshake means is in `refused`. Called by `options` and `driver`.
 *
 * @internal
 */
import type * as Reason from "@sluice/core/Reason"
import type * as SqlError from "@sluice/core/SqlError"
import * as Tls from "@sluice/core/Tls"
import * as Effect from "effect/Effect"
import * as crypto from "node:crypto"
import * as fs from "node:fs/promises"
import { isIP } from "node:net"
import * as tls from "node:tls"
import type { Config } from "../Config.js"
import type { Raw } from "./driver.js"

/** How a server is spoken to, in the order in which it is tried: the second way where the server does not have the first. */
export type Ways = readonly [first: false | tls.ConnectionOptions, second?: false]

/** The ways of a config. */
export const waysOf = (given: Config["tls"]): Effect.Effect<Ways, SqlError.SqlError<Reason.ConfigError>> =>
  Effect.map(Tls.resolve(given ?? false, { crypto, fs, tls }), (secured): Ways =>
    secured === undefined ? [false] : secured.mode === "prefer" ? [secured.options, false] : [secured.options])

/**
 * Takes the place of the driver's own way into TLS, which knows no list of revoked certificates, no name but the host's, and keeps
 * sessions, by which nobody is checked again.
 */
export const speak = (raw: Raw, host: string, options: tls.ConnectionOptions, secured: (detail: string) => void): void => {
  raw.startTLS = (done) => {
    raw.stream.removeAllListeners("data")
    let isSecure = false
    const socket = tls.connect({ host, ...(isIP(host) === 0 ? { servername: host } : {}), ...options, socket: raw.stream }, () => {
      isSecure = true
      secured(`${socket.getProtocol()} ${socket.getCipher().name}`)
      done()
    })
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (isSecure) raw._handleNetworkError(error)
      // The driver writes its own code over it.
      else done(Object.assign(new Error(error.message), { tls: error.code }))
    })
    socket.on("data", (data) => raw.packetParser.execute(data))
    raw.stream = socket
  }
}
