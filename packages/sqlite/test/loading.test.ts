/**
 * What a thread loads before it opens its file: its start is in the way of every connection.
 */
import { assert, it } from "@effect/vitest"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"

it("a thread loads nothing of effect: with it, it started in 370 ms of CPU and not in 60", async () => {
  const worker = fileURLToPath(new URL("../dist/internal/worker.js", import.meta.url))
  // The thread's own modules without its work, which wants a parent that speaks its protocol.
  const handle = worker.replace(/worker\.js$/, "handle.js")
  const verbs = worker.replace(/worker\.js$/, "verbs.js")
  const thread = new Worker(new URL("./loaded.mjs", import.meta.url), { workerData: [handle, verbs] })
  const loaded = await new Promise<ReadonlyArray<string>>((resolve, reject) => {
    thread.once("message", resolve)
    thread.once("error", reject)
  })
  await thread.terminate()
  assert.isTrue(loaded.some((url) => url.endsWith("/handle.js")), "the thread's modules were seen")
  assert.deepStrictEqual(loaded.filter((url) => /\/node_modules\/(?:effect|@effect)\//.test(url)), [])
})
