/**
 * A TCP proxy in this process, between a driver and its server, that does what networks do: delays, falls silent,
 * resets, delivers byte by byte, cuts after N bytes.
 *
 * It knows no protocol. Used by the fault cases of dialects with a server; a fault holds for the connections that are
 * open and for those to come.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"

/**
 * What the proxy does to the bytes that pass. `up` is from the client to the server.
 *
 * @example
 * ```ts
 * import type { TcpProxy } from "@sluice/testkit"
 *
 * const cut: TcpProxy.Fault = { kind: "cut", direction: "up", after: 120 }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Fault =
  /** Everything passes. */
  | { readonly kind: "none" }
  /** Every piece comes this many milliseconds late, in order. */
  | { readonly kind: "latency"; readonly milliseconds: number }
  /**
   * Nothing passes any more, and nobody is told: the bytes are lost. New connections are accepted and stay mute. With
   * `after` it falls silent once so many bytes have come down a connection from its beginning; with a `direction` the other
   * one still passes.
   */
  | { readonly kind: "silence"; readonly after?: number; readonly direction?: Direction }
  /** One byte at a time. */
  | { readonly kind: "slices" }
  /** New connections are reset at once. */
  | { readonly kind: "refuse" }
  /** After this many bytes in a direction, counted per connection from its beginning, both sides are reset. */
  | { readonly kind: "cut"; readonly direction: Direction; readonly after: number }

/**
 * A direction through the proxy.
 *
 * @example
 * ```ts
 * import type { TcpProxy } from "@sluice/testkit"
 *
 * const towardsTheServer: TcpProxy.Direction = "up"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Direction = "up" | "down"

/**
 * A running proxy.
 *
 * @example
 * ```ts
 * import { TcpProxy } from "@sluice/testkit"
 * import { Effect } from "effect"
 *
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const proxy = yield* TcpProxy.make({ host: "127.0.0.1", port: 3306 })
 *   yield* proxy.set({ kind: "latency", milliseconds: 50 })
 *   return proxy.port
 * }))
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface TcpProxy {
  /** The port on 127.0.0.1 that clients connect to. */
  readonly port: number
  /** What happens from now on. */
  readonly set: (fault: Fault) => Effect.Effect<void>
  /** Resets every open connection, on both sides. */
  readonly reset: Effect.Effect<void>
  /** Connections that are open. */
  readonly open: Effect.Effect<number>
  /** Bytes that have passed, over all connections. */
  readonly bytes: Effect.Effect<{ readonly up: number; readonly down: number }>
}

/**
 * Starts a proxy to a server, on a free port of 127.0.0.1; it ends with its scope and takes its connections with it.
 * A proxy that cannot listen is a defect: nothing under test has begun.
 *
 * @example
 * ```ts
 * import { TcpProxy } from "@sluice/testkit"
 * import { Effect } from "effect"
 *
 * const port = Effect.scoped(Effect.map(TcpProxy.make({ host: "127.0.0.1", port: 5432 }), (proxy) => proxy.port))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (target: { readonly host: string; readonly port: number }): Effect.Effect<TcpProxy, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<Proxy>((resume) => {
        const proxy = new Proxy(target)
        proxy.server.once("error", (cause) => resume(Effect.die(cause)))
        proxy.server.listen(0, "127.0.0.1", () => resume(Effect.succeed(proxy)))
      }),
      (proxy) => proxy.close
    ),
    (proxy): TcpProxy => ({
      port: proxy.port,
      set: (fault) => Effect.sync(() => proxy.set(fault)),
      reset: Effect.sync(() => proxy.resetAll()),
      open: Effect.sync(() => proxy.pairs.size),
      bytes: Effect.sync(() => ({ ...proxy.bytes }))
    })
  )

interface Pair {
  readonly client: Net.Socket
  readonly server: Net.Socket
  readonly passed: { up: number; down: number }
}

class Proxy {
  fault: Fault = { kind: "none" }
  readonly pairs = new Set<Pair>()
  readonly bytes = { up: 0, down: 0 }
  readonly server: Net.Server

  constructor(private readonly target: { readonly host: string; readonly port: number }) {
    // Who closes one direction still reads the other: so does a CancelRequest of PostgreSQL, whose end must be the server's.
    this.server = Net.createServer({ noDelay: true, allowHalfOpen: true }, (client) => this.accept(client))
  }

  get port(): number {
    const address = this.server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  }

  get close(): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      this.server.close(() => resume(Effect.void))
      this.resetAll()
    })
  }

  resetAll(): void {
    for (const pair of [...this.pairs]) this.cut(pair)
  }

  set(fault: Fault): void {
    this.fault = fault
    if (fault.kind === "silence") return
    // Now they hear that the other side went away while nobody was told.
    for (const { client, server } of this.pairs) {
      for (const [from, to] of [[client, server], [server, client]] as const) {
        if (from.destroyed) to.destroy()
        else if (from.readableEnded) to.end()
      }
    }
  }

  private accept(client: Net.Socket): void {
    if (this.fault.kind === "refuse") {
      client.resetAndDestroy()
      return
    }
    const server = Net.connect({ ...this.target, noDelay: true, allowHalfOpen: true })
    const pair: Pair = { client, server, passed: { up: 0, down: 0 } }
    this.pairs.add(pair)
    this.join(pair, "up", client, server)
    this.join(pair, "down", server, client)
  }

  private join(pair: Pair, direction: Direction, from: Net.Socket, to: Net.Socket): void {
    from.on("data", (data) => this.pass(pair, direction, from, to, data))
    from.on("end", () => {
      // It does not overtake what is on its way.
      if (this.fault.kind === "latency") setTimeout(() => to.end(), this.fault.milliseconds)
      else if (this.fault.kind !== "silence") to.end()
    })
    // An error is always followed by 'close', where the pair ends.
    from.on("error", () => {})
    from.on("close", (hadError) => {
      if (to.destroyed) this.pairs.delete(pair)
      // After an orderly end the other side hears of it behind what is on its way.
      else if (this.fault.kind !== "silence" && (hadError || !from.readableEnded)) to.destroy()
    })
  }

  private pass(pair: Pair, direction: Direction, from: Net.Socket, to: Net.Socket, data: Buffer): void {
    const { fault } = this
    switch (fault.kind) {
      case "silence": {
        if (fault.direction !== undefined && direction !== fault.direction) return this.write(pair, direction, from, to, data)
        const room = (fault.after ?? 0) - pair.passed.down
        if (room <= 0) return
        return this.write(pair, direction, from, to, direction === "down" ? data.subarray(0, room) : data)
      }
      case "latency":
        setTimeout(() => this.write(pair, direction, from, to, data), fault.milliseconds)
        return
      case "slices":
        for (let i = 0; i < data.length; i++) this.write(pair, direction, from, to, data.subarray(i, i + 1))
        return
      case "cut": {
        const room = fault.after - pair.passed[direction]
        if (direction !== fault.direction || data.length < room) return this.write(pair, direction, from, to, data)
        // The last bytes are let out before the reset, which would overtake them.
        if (room > 0 && !to.destroyed) to.write(data.subarray(0, room), () => this.cut(pair))
        else this.cut(pair)
        pair.passed[direction] += Math.max(room, 0)
        return
      }
      default:
        return this.write(pair, direction, from, to, data)
    }
  }

  private write(pair: Pair, direction: Direction, from: Net.Socket, to: Net.Socket, data: Buffer): void {
    if (to.destroyed) return
    pair.passed[direction] += data.length
    this.bytes[direction] += data.length
    if (to.write(data) || from.isPaused()) return
    // A slow reader holds up its writer, as it would without us between.
    from.pause()
    to.once("drain", () => from.resume())
  }

  private cut(pair: Pair): void {
    this.pairs.delete(pair)
    pair.client.resetAndDestroy()
    pair.server.resetAndDestroy()
  }
}
