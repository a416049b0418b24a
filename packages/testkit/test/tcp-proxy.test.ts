/**
 * The proxy does what it says, to a server that sends everything back.
 */
import { assert, describe, it } from "@effect/vitest"
import { TcpProxy } from "@sluice/testkit"
import * as Effect from "effect/Effect"
import * as Net from "node:net"

const echo = Effect.acquireRelease(
  Effect.async<Net.Server>((resume) => {
    const server = Net.createServer((socket) => {
      socket.on("error", () => {})
      socket.pipe(socket)
    })
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => server.close())
)

const proxied = Effect.gen(function*() {
  const address = (yield* echo).address()
  return yield* TcpProxy.make({ host: "127.0.0.1", port: typeof address === "object" && address !== null ? address.port : 0 })
})

/** Sends a text and answers with the pieces that came back within a time, and whether the connection was ended for us. */
const talk = (port: number, text: string, milliseconds = 150) =>
  Effect.async<{ readonly pieces: ReadonlyArray<string>; readonly ended: boolean; readonly ms: number }>((resume) => {
    const pieces: Array<string> = []
    let ended = false
    let ms = 0
    const start = Date.now()
    const socket = Net.connect({ port, host: "127.0.0.1", noDelay: true }, () => socket.write(text))
    socket.on("data", (data) => {
      pieces.push(data.toString())
      ms = Date.now() - start
    })
    // A reset that follows data closely is told as an end by some systems.
    socket.on("error", () => {})
    socket.on("close", () => {
      ended = true
    })
    setTimeout(() => {
      resume(Effect.succeed({ pieces, ended, ms }))
      socket.destroy()
    }, milliseconds)
  })

const joined = ({ pieces }: { readonly pieces: ReadonlyArray<string> }) => pieces.join("")

describe("the proxy", () => {
  it.scopedLive("lets everything pass, and counts it", () =>
    Effect.gen(function*() {
      const proxy = yield* proxied
      assert.strictEqual(joined(yield* talk(proxy.port, "hello")), "hello")
      assert.deepStrictEqual(yield* proxy.bytes, { up: 5, down: 5 })
      yield* Effect.sleep(20)
      assert.strictEqual(yield* proxy.open, 0)
    }))

  it.scopedLive("delays, and keeps the order", () =>
    Effect.gen(function*() {
      const proxy = yield* proxied
      yield* proxy.set({ kind: "latency", milliseconds: 40 })
      const answer = yield* talk(proxy.port, "hello", 300)
      assert.strictEqual(joined(answer), "hello")
      assert.isAtLeast(answer.ms, 75)
    }))

  it.scopedLive("leaves the other direction open when one is closed, slow or not", () =>
    Effect.gen(function*() {
      const proxy = yield* proxied
      for (const fault of [{ kind: "none" }, { kind: "latency", milliseconds: 30 }] as const) {
        yield* proxy.set(fault)
        const answer = yield* Effect.async<string>((resume) => {
          let said = ""
          const socket = Net.connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true }, () => socket.end("last words"))
          socket.on("data", (data) => {
            said += data.toString()
          })
          socket.on("end", () => resume(Effect.succeed(said)))
        })
        assert.strictEqual(answer, "last words")
        yield* Effect.sleep(60)
        assert.strictEqual(yield* proxy.open, 0)
      }
    }))

  it.scopedLive("falls silent without a word", () =>
    Effect.gen(function*() {
      const proxy = yield* proxied
      yield* proxy.set({ kind: "silence" })
      assert.deepInclude(yield* talk(proxy.port, "hello"), { pieces: [], ended: false })
    }))

  it.scopedLive("delivers byte by byte", () =>
    Effect.gen(function*() {
      const proxy = yield* proxied
      yield* proxy.set({ kind: "slices" })
      assert.strictEqual(joined(yield* talk(proxy.port, "hello")), "hello")
    }))

  it.scopedLive("cuts after the bytes it was told, in either direction", () =>
    Effect.gen(function*() {
      const proxy = yield* proxied
      for (const after of [1, 3, 5]) {
        yield* proxy.set({ kind: "cut", direction: "down", after })
        const answer = yield* talk(proxy.port, "hello!")
        assert.strictEqual(joined(answer), "hello!".slice(0, after))
        assert.isTrue(answer.ended)
      }
      yield* proxy.set({ kind: "cut", direction: "up", after: 2 })
      const before = (yield* proxy.bytes).up
      assert.isTrue((yield* talk(proxy.port, "hello")).ended)
      assert.strictEqual((yield* proxy.bytes).up, before)
    }))

  it.scopedLive("refuses new connections, and resets open ones", () =>
    Effect.gen(function*() {
      const proxy = yield* proxied
      yield* proxy.set({ kind: "refuse" })
      assert.isTrue((yield* talk(proxy.port, "hello")).ended)
      yield* proxy.set({ kind: "none" })
      const talking = yield* Effect.fork(talk(proxy.port, "hello"))
      yield* Effect.sleep(50)
      assert.strictEqual(yield* proxy.open, 1)
      yield* proxy.reset
      assert.isTrue((yield* talking).ended)
      assert.strictEqual(yield* proxy.open, 0)
    }))
})
