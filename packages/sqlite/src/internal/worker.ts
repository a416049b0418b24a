/**
 * The worker: the entry of a connection's thread. It opens the handle and answers requests in their order.
 *
 * It decides nothing; what a request does is in `verbs`. Started by `thread`.
 *
 * @since 0.1.0
 */
import { parentPort, workerData, type MessagePort } from "node:worker_threads"
import { faultOf } from "./fault.js"
import { type Handle, open } from "./handle.js"
import type { Settings } from "./options.js"
import type { Answer, Request } from "./protocol.js"
import { maxShapes } from "./statements.js"
import { perform } from "./verbs.js"

/** What the thread is started with. */
export interface Start {
  readonly settings: Settings
  readonly cell: Int32Array
}

const serve = (port: MessagePort, handle: Handle): void => {
  const sent = new Set<number>()
  const post = (answer: Answer): void => port.postMessage(answer)

  // A shape's columns cross once; later answers carry its id.
  const lean = (reply: unknown): unknown => {
    if (typeof reply !== "object" || reply === null || !("shape" in reply)) return reply
    const shape = reply.shape
    if (typeof shape !== "object" || shape === null || !("id" in shape) || typeof shape.id !== "number") return reply
    if (!sent.has(shape.id)) {
      sent.add(shape.id)
      // So old, it is told by a new number.
      for (const old of sent) {
        if (old > shape.id - 2 * maxShapes) break
        sent.delete(old)
      }
      return reply
    }
    return { ...reply, shape: { id: shape.id, columns: undefined } }
  }

  const answer = (id: number, reply: unknown): void => post([id, undefined, lean(reply), handle.inTransaction])
  const fail = (id: number, error: unknown): void => post([id, faultOf(error, handle.phase), undefined, handle.inTransaction])

  port.on("message", ([id, verb, arg]: Request) => {
    try {
      const reply = perform(handle, id, verb, arg)
      if (reply instanceof Promise) reply.then((value) => answer(id, value), (error: unknown) => fail(id, error))
      else answer(id, reply)
    } catch (error) {
      fail(id, error)
    }
  })
}

const main = async (port: MessagePort, start: Start): Promise<void> => {
  try {
    const handle = await open(start.settings, start.cell)
    serve(port, handle)
    port.postMessage([0, undefined, undefined, false] satisfies Answer)
  } catch (error) {
    port.postMessage([0, faultOf(error, "open"), undefined, false] satisfies Answer)
  }
}

if (parentPort !== null) void main(parentPort, workerData)
