/**
 * A server at the wire that asks for one authentication plugin and records what it is sent: what no real server can be
 * made to do on demand. It speaks the handshake and nothing else.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import * as Tls from "node:tls"

const capabilities = 0x000f_ffff
const ssl = 0x0800

const packet = (sequence: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(4)
  head.writeUIntLE(payload.length, 0, 3)
  head[3] = sequence
  return Buffer.concat([head, payload])
}

const scramble = Buffer.from("abcdefghijklmnopqrst")

const greeting = (hasTls: boolean): Buffer => {
  const flags = hasTls ? capabilities : capabilities & ~ssl
  const rest = Buffer.alloc(18)
  rest.writeUInt16LE(flags & 0xffff, 0)
  rest[2] = 45
  rest.writeUInt16LE(2, 3)
  rest.writeUInt16LE(flags >>> 16, 5)
  rest[7] = 21
  return packet(0, Buffer.concat([
    Buffer.from([10]), Buffer.from("8.0.0-fake\0"), Buffer.from([7, 0, 0, 0]), scramble.subarray(0, 8), Buffer.from([0]), rest,
    scramble.subarray(8), Buffer.from([0]), Buffer.from("mysql_native_password\0")
  ]))
}

const ok = (sequence: number): Buffer => packet(sequence, Buffer.from([0, 0, 0, 2, 0, 0, 0]))

export interface Asked {
  readonly port: number
  /** What the client sent after it was asked, one text for each packet. */
  readonly answers: () => ReadonlyArray<string>
}

/** A server that asks for this plugin; with a certificate it offers TLS. Whoever answers is let in, and then hung up on. */
export const asking = (plugin: string, certificate?: { readonly cert: string; readonly key: string }): Effect.Effect<Asked, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() =>
      new Promise<Asked & { readonly close: () => void }>((resolve) => {
        const answers: Array<string> = []
        const sockets = new Set<Net.Socket>()
        const server = Net.createServer((socket) => {
          sockets.add(socket)
          socket.on("error", () => {}).write(greeting(certificate !== undefined))
          let stage = 0
          const listen = (from: Net.Socket): void => {
            from.on("error", () => {})
            from.on("data", (data) => {
              const sequence = data[3] ?? 0
              if (certificate !== undefined && stage === 0 && (data.readUInt16LE(4) & ssl) !== 0 && from === socket) {
                // A request for TLS: what follows is encrypted, and may have come with it.
                socket.removeAllListeners("data").pause()
                if (data.length > 36) socket.unshift(data.subarray(36))
                return listen(new Tls.TLSSocket(socket, { isServer: true, secureContext: Tls.createSecureContext(certificate) }))
              }
              stage++
              if (stage === 1) return from.write(packet(sequence + 1, Buffer.concat([Buffer.from([0xfe]), Buffer.from(`${plugin}\0`), scramble, Buffer.from([0])])))
              answers.push(data.subarray(4).toString("latin1"))
              return answers.length === 1 ? from.write(ok(sequence + 1)) : from.destroy()
            })
          }
          listen(socket)
        })
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          resolve({
            port: typeof address === "object" && address !== null ? address.port : 0,
            answers: () => answers,
            close: () => {
              for (const socket of sockets) socket.destroy()
              server.close()
            }
          })
        })
      })
    ),
    (asked) => Effect.sync(() => asked.close())
  )
