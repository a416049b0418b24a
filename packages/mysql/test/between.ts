/**
 * Between: what stands before a server and lies: it sees, changes and cuts what passes.
 *
 * The faults of a network are testkit's proxy's; this is for what no honest server says.
 */
import * as Database from "@sluice/core/Database"
import * as Mysql from "@sluice/mysql/Mysql"
import * as Effect from "effect/Effect"
import * as net from "node:net"
import type { Server } from "./server.js"

/** What is between a client and its server: it sees, changes and cuts. */
export interface Between {
  /** What stands in the place of these bytes is what it answers with. */
  readonly onServer: (bytes: Buffer) => Buffer | void
  /** `false`: the connection is cut before these bytes. */
  readonly onClient: (bytes: Buffer) => boolean
}

/** Uses a database of the server through it. */
export const through = <A, E>(server: Server, database: string, between: Between, use: (db: Database.Database) => Effect.Effect<A, E>) =>
  Effect.scoped(Effect.gen(function*() {
    const { hostname, port } = new URL(server.url)
    const proxy = net.createServer((client) => {
      const upstream = net.connect(Number(port), hostname)
      const end = (): void => {
        client.destroy()
        upstream.destroy()
      }
      upstream.on("data", (bytes) => {
        client.write(between.onServer(bytes) ?? bytes)
      })
      client.on("data", (bytes) => between.onClient(bytes) ? upstream.write(bytes) : end())
      for (const socket of [client, upstream]) socket.on("error", () => {}).on("close", end)
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => proxy.close()))
    const own = yield* Effect.async<number>((resume) => {
      proxy.listen(0, "127.0.0.1", () => resume(Effect.succeed((proxy.address() as net.AddressInfo).port)))
    })
    return yield* Effect.flatMap(Database.Database, use).pipe(
      Effect.provide(Mysql.layer({ url: server.url, host: "127.0.0.1", port: own, database, pool: { max: 1 } }))
    )
  }))
