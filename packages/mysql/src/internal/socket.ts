/**
 * Socket: the connection to a server, read into one buffer that is used again for every piece.
 *
 * Node makes a buffer of 64 KB for each piece that it reads otherwise, and gives most of it back: 7 % of a point query, and
 * what a long stream leaves to be collected. Whoever takes the bytes keeps none of them beyond the call. A socket under TLS
 * is not one of these. Called by `driver` and `wire`.
 *
 * @internal
 */
import * as Net from "node:net"

type Take = (bytes: Buffer) => void

/** Who takes the bytes of each. */
const taken = new WeakMap<object, { by: Take }>()

/** What the kernel has at a time is rarely more. */
const size = 65_536

/** Begins to connect. Until its bytes are taken, copies of them come as the 'data' of any socket. */
export const connect = (where: Net.NetConnectOpts): Net.Socket => {
  const bytes = { by: (piece: Buffer): void => void socket.emit("data", Buffer.from(piece)) }
  const buffer = Buffer.allocUnsafeSlow(size)
  const socket: Net.Socket = Net.connect({
    ...where,
    onread: {
      buffer,
      callback: (length: number): boolean => {
        bytes.by(length === size ? buffer : buffer.subarray(0, length))
        return true
      }
    }
  })
  taken.set(socket, bytes)
  return socket
}

/** Has the bytes of a socket brought here from now on; `false` where it is not one of these. */
export const take = (socket: object, to: Take): boolean => {
  const bytes = taken.get(socket)
  if (bytes !== undefined) bytes.by = to
  return bytes !== undefined
}
