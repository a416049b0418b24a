/**
 * A network that falls silent: the kernel asks the other end of an idle connection whether it is there.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Connection } from "@sluice/core/Connection"
import * as Effect from "effect/Effect"
import { existsSync, readFileSync } from "node:fs"
import type { Socket } from "node:net"
import { onServers } from "./each.js"

const table = "/proc/net/tcp"

const hex = (port: number | undefined): string => `:${(port ?? 0).toString(16).toUpperCase().padStart(4, "0")}`

/**
 * The kernel's timer of this socket: what it is for, and seconds until it fires. Both ends name it: one local port can
 * also belong to a connection to another server, or to one that is closed and waits.
 */
const timerOf = (socket: Socket): { readonly kind: number; readonly seconds: number } | undefined => {
  const line = readFileSync(table, "utf8").split("\n").map((line) => line.trim().split(/\s+/))
    .find(([, local, remote]) => local?.endsWith(hex(socket.localPort)) === true && remote?.endsWith(hex(socket.remotePort)) === true)
  const [kind, ticks] = (line?.[5] ?? "").split(":")
  return kind === undefined || ticks === undefined ? undefined : { kind: Number.parseInt(kind, 16), seconds: Number.parseInt(ticks, 16) / 100 }
}

// The format is Linux's: https://docs.kernel.org/networking/proc_net_tcp.html
describe.skipIf(!existsSync(table))("P6 an idle session", () => {
  onServers("keep-alive", (on) => {
    it.live("is asked after by TCP within a minute", () => on({ pool: { max: 1 } }, (db) => Effect.gen(function*() {
      const socket = yield* db.withConnection((connection: Connection) => Effect.sync(() => (connection.native as { readonly stream: Socket }).stream))
      // An answer that is being acknowledged has a timer of its own first.
      yield* Effect.sleep(500)
      const timer = timerOf(socket)
      assert.strictEqual(timer?.kind, 2)
      assert.isAtMost(timer?.seconds ?? Infinity, 60)
    })))
  })
})
