/**
 * Control: the socket beside a connection by which what runs there is stopped, to the very address that it is connected to.
 *
 * A CancelRequest has no answer: the server closes the socket once it has passed the signal on. Through a proxy that is
 * as much as can be known. It speaks TLS where the connection does. It does not know when a statement may be stopped
 * without hitting another: that is `settle`.
 * https://www.postgresql.org/docs/15/protocol-flow.html#id-1.10.6.7.10
 *
 * @internal
 */
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { connect, isIP, type Socket } from "node:net"
import { connect as secure } from "node:tls"
import { toSqlError } from "./errors.js"
import type { Settings } from "./options.js"
import type { Wire } from "./wire.js"

/** Ends when the server has closed the socket: the signal is at the victim, or never comes. */
export const cancel = (wire: Wire, settings: Settings): Effect.Effect<void, SqlError.SqlError> =>
  settings.isEmbedded ? Effect.void : Effect.async((resume) => {
    const { raw, remote } = wire
    const { host, port } = settings.driver
    const { ssl } = raw
    const socket = host.startsWith("/") ? connect(`${host}/.s.PGSQL.${port}`) : connect(remote.port ?? port, remote.address ?? host)
    let isSent = false
    const fail = (error: Error): void => {
      socket.destroy()
      // Sent and then reset, it may still be on its way: no settling, and the connection is given up.
      resume(Exit.fail(toSqlError(error, { operation: "cancel", harmless: true })))
    }
    const send = (to: Socket): void => {
      const request = Buffer.alloc(16)
      request.writeInt32BE(16, 0)
      request.writeInt32BE(cancelCode, 4)
      request.writeInt32BE(raw.processID ?? 0, 8)
      request.writeInt32BE(raw.secretKey ?? 0, 12)
      isSent = true
      // Not ended: whoever stands between might close both ways before the server has read it, and the end would say nothing.
      to.write(request)
    }
    // Read to its end, or there is none.
    socket.on("error", fail).on("close", () => isSent ? resume(Exit.void) : fail(new Error("the server closed the connection of a CancelRequest")))
    socket.once("connect", () => {
      if (ssl === false) {
        socket.resume()
        return send(socket)
      }
      const request = Buffer.alloc(8)
      request.writeInt32BE(8, 0)
      request.writeInt32BE(tlsCode, 4)
      socket.write(request)
      socket.once("data", (answer: Buffer) => {
        if (answer[0] !== 83) return fail(new Error("the server does not support TLS"))
        const tls = secure({ host, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl, socket }, () => send(tls))
        tls.on("error", fail).resume()
      })
    })
    return Effect.sync(() => {
      socket.destroy()
    })
  })

const cancelCode = 80_877_102
const tlsCode = 80_877_103
