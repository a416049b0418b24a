/**
 * A database server of a test's own: made in a temporary folder, started on a free port of 127.0.0.1, killed, started
 * again.
 *
 * It knows no dialect: which programs make the data and serve it is told by `servers/*`. A server that only has to be
 * there is started by the test command; this one is for tests that kill it. Used by the fault cases and the soak.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { chownSync, mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

/**
 * A program and its arguments.
 *
 * @example
 * ```ts
 * import type { LocalServer } from "@sluice/testkit"
 *
 * const initdb = (folder: string): LocalServer.Command => ["initdb", ["--pgdata", folder]]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Command = readonly [program: string, args: ReadonlyArray<string>]

/**
 * How a server is made and started.
 *
 * @example
 * ```ts
 * import type { LocalServer } from "@sluice/testkit"
 *
 * const options: LocalServer.Options = {
 *   name: "postgres",
 *   prepare: (folder) => ["initdb", ["--auth=trust", "--username=postgres", `--pgdata=${folder}/data`]],
 *   serve: (folder, port) => ["postgres", ["-D", `${folder}/data`, "-p", String(port), "-k", folder]]
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Names it in messages and in its folder's name. */
  readonly name: string
  /** Makes the data below the folder, once. */
  readonly prepare: (folder: string) => Command
  /** Serves that data on a port of 127.0.0.1, in the foreground. */
  readonly serve: (folder: string, port: number) => Command
}

/**
 * A server that runs, or was killed.
 *
 * @example
 * ```ts
 * import type { LocalServer } from "@sluice/testkit"
 * import { Effect } from "effect"
 *
 * const crash = (server: LocalServer.LocalServer) => Effect.zipRight(server.kill, server.start)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface LocalServer {
  /** Where it listens. */
  readonly host: string
  /** Where it listens: the same port after every start. */
  readonly port: number
  /** SIGKILL, to the processes that serve sessions too; ends when none of them is left. */
  readonly kill: Effect.Effect<void>
  /** Starts it again on the same data; ends when somebody listens. Nothing where it runs. */
  readonly start: Effect.Effect<void, Error>
}

/**
 * Makes a server and starts it; with its scope it is killed and its folder removed. Where we are root, who may not run a
 * server, it runs as `nobody`.
 *
 * @example
 * ```ts
 * import { LocalServer } from "@sluice/testkit"
 * import { Effect } from "effect"
 *
 * const port = (options: LocalServer.Options) =>
 *   Effect.scoped(Effect.map(LocalServer.make(options), (server) => server.port))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<LocalServer, Error, Scope.Scope> =>
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.try({ try: () => folderFor(options.name), catch: (cause) => new Error(`${options.name}: no folder`, { cause }) }),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
    yield* prepare(options, folder)
    const port = yield* freePort
    let child: ChildProcess | undefined
    const kill = Effect.suspend(() => child === undefined ? Effect.void : ended(child))
    const start = Effect.suspend(() => {
      if (child !== undefined && isAlive(child)) return Effect.void
      const [program, args] = unprivileged(options.serve(folder, port))
      const started = spawn(program, args, { stdio: "ignore", detached: true })
      // Whether it came up is asked of the port.
      started.on("error", () => {})
      child = started
      return listening(port, started, options.name)
    })
    yield* Effect.addFinalizer(() => kill)
    yield* start
    return { host: "127.0.0.1", port, kill, start }
  })

const isRoot = (): boolean => process.getuid?.() === 0

const folderFor = (name: string): string => {
  const folder = mkdtempSync(join(tmpdir(), `sluice-${name}-`))
  if (isRoot()) {
    const id = (flag: string): number => Number(spawnSync("id", [flag, "nobody"], { encoding: "utf8" }).stdout)
    chownSync(folder, id("-u"), id("-g"))
  }
  return folder
}

// A test process that is killed takes its server with it, where the kernel knows how.
const unprivileged = ([program, args]: Command): Command => {
  const options = [...(process.platform === "linux" ? ["--pdeathsig=KILL"] : []), ...(isRoot() ? ["--reuid=nobody", "--regid=nogroup", "--clear-groups"] : [])]
  return options.length === 0 ? [program, args] : ["setpriv", [...options, program, ...args]]
}

const prepare = (options: Options, folder: string): Effect.Effect<void, Error> =>
  Effect.async((resume) => {
    const [program, args] = unprivileged(options.prepare(folder))
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] })
    let said = ""
    child.stderr.on("data", (data) => {
      said += String(data)
    })
    child.once("error", (cause) => resume(Effect.fail(new Error(`${program} cannot be started`, { cause }))))
    child.once("close", (code) => resume(code === 0 ? Effect.void : Effect.fail(new Error(`${program}: ${said.trim().split("\n").at(-1)}`))))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const freePort: Effect.Effect<number> = Effect.async((resume) => {
  const server = Net.createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

const isAlive = (child: ChildProcess): boolean => child.pid !== undefined && child.exitCode === null && child.signalCode === null

// Its whole group: a server with a process per session leaves those behind otherwise.
const signal = (child: ChildProcess | undefined): void => {
  if (child?.pid === undefined) return
  try {
    process.kill(-child.pid, "SIGKILL")
  } catch {
    // The group is gone already.
  }
}

const ended = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (!isAlive(child)) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    signal(child)
  })

const accepts = (port: number): Effect.Effect<boolean> =>
  Effect.async((resume) => {
    const socket = Net.connect(port, "127.0.0.1", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    }).on("error", () => resume(Effect.succeed(false)))
  })

const listening = (port: number, child: ChildProcess, name: string): Effect.Effect<void, Error> => {
  const until = Date.now() + startTimeout
  const ask: Effect.Effect<void, Error> = Effect.flatMap(accepts(port), (is) => {
    if (is) return Effect.void
    if (!isAlive(child)) return Effect.fail(new Error(`${name} ended while it started`))
    return Date.now() < until ? Effect.zipRight(Effect.sleep(20), ask) : Effect.fail(new Error(`${name}: nobody listens on port ${port}`))
  })
  return ask
}

const startTimeout = 60_000
