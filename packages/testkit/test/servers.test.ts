/**
 * The registry of servers in scripts/, driven with entries of no server.
 */
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

interface Way {
  readonly name: string
  readonly isPossible: () => boolean
  readonly run: (entry: Entry) => unknown
}

interface Entry {
  readonly name: string
  readonly find: () => unknown
  readonly install: ReadonlyArray<Way>
  readonly start: (found: unknown) => Promise<Record<string, string>>
  readonly stop: () => unknown
  readonly hint: string
  readonly isOptional?: boolean
}

interface Servers {
  readonly start: (entries: ReadonlyArray<Entry>, print: (line: string) => void) => Promise<{
    readonly env: Record<string, string>
    readonly missing: ReadonlyArray<string>
    readonly stop: () => Promise<void>
  }>
  readonly npmBinary: (folder: string, file: string) => Way
}

// The scripts are plain JavaScript, since they run before an installation: their types are said here.
const servers = await import(fileURLToPath(new URL("../../../scripts/internal/servers.mjs", import.meta.url))) as Servers

const make = (name: string, log: Array<string>, options: Partial<Entry>): Entry => ({
  name,
  find: () => undefined,
  install: [],
  start: async (found) => {
    log.push(`${name} started with ${found}`)
    return { [`URL_${name}`]: String(found) }
  },
  stop: () => {
    log.push(`${name} stopped`)
  },
  hint: `Install ${name}.`,
  ...options
})

const way = (name: string, log: Array<string>, isPossible: boolean, found: unknown): Way => ({
  name,
  isPossible: () => isPossible,
  run: () => {
    log.push(`tried ${name}`)
    return found
  }
})

describe("servers", () => {
  it("a server that is here is started with what was found, and nothing is installed", async () => {
    const log: Array<string> = []
    const running = await servers.start([make("a", log, { find: () => "bin/a", install: [way("apt", log, true, "other")] })], () => {})
    expect(running.env).toEqual({ URL_a: "bin/a" })
    expect(running.missing).toEqual([])
    expect(log).toEqual(["a started with bin/a"])
  })

  it("the ways are tried in order; one that is not possible or brings nothing gives way to the next", async () => {
    const log: Array<string> = []
    const install = [way("apt", log, false, "x"), way("container", log, true, undefined), way("npm", log, true, "bin/npm"), way("last", log, true, "y")]
    const running = await servers.start([make("a", log, { install })], () => {})
    expect(running.env).toEqual({ URL_a: "bin/npm" })
    expect(log).toEqual(["tried container", "tried npm", "a started with bin/npm"])
  })

  it("a server that cannot be had is missing, and a line says what to install", async () => {
    const lines: Array<string> = []
    const running = await servers.start([make("a", [], {})], (line) => lines.push(line))
    expect(running.missing).toEqual(["a"])
    expect(lines).toEqual(["!!! a: SKIPPED, no server. Install a."])
  })

  it("an optional server that cannot be had, or does not start, is told as loudly and is not missing", async () => {
    const lines: Array<string> = []
    const broken = make("b", [], { isOptional: true, find: () => "bin/b", start: () => Promise.reject(new Error("port taken")) })
    const running = await servers.start([make("a", [], { isOptional: true }), broken], (line) => lines.push(line))
    expect(running.missing).toEqual([])
    expect(lines).toEqual(["!!! a: SKIPPED, no server. Install a.", "!!! b: SKIPPED, its server does not start: port taken. Install b."])
  })

  it("a server that does not start is missing and is stopped; the others run, and stop in reverse, once", async () => {
    const log: Array<string> = []
    const lines: Array<string> = []
    const broken = make("b", log, { find: () => "bin/b", start: () => Promise.reject(new Error("port taken")) })
    const deaf = make("c", log, {
      find: () => "bin/c",
      stop: () => {
        throw new Error("deaf")
      }
    })
    const running = await servers.start([make("a", log, { find: () => "bin/a" }), broken, deaf], (line) => lines.push(line))
    expect(running.missing).toEqual(["b"])
    expect(running.env).toEqual({ URL_a: "bin/a", URL_c: "bin/c" })
    await running.stop()
    await running.stop()
    expect(log).toEqual(["a started with bin/a", "c started with bin/c", "b stopped", "a stopped"])
    expect(lines).toEqual([
      "!!! b: SKIPPED, its server does not start: port taken. Install b.",
      "c did not stop: Error: deaf"
    ])
  })

  it("a binary inside an npm package is a way only where the package is installed", () => {
    expect(servers.npmBinary("packages/testkit", "vitest/vitest.mjs").isPossible()).toBe(true)
    expect(servers.npmBinary("packages/testkit", "no-such-package/bin").isPossible()).toBe(false)
  })
})
