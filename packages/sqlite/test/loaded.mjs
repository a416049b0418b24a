/**
 * A thread that imports some modules and tells the url of each that was loaded on the way.
 */
import { register } from "node:module"
import { pathToFileURL } from "node:url"
import { MessageChannel, parentPort, workerData } from "node:worker_threads"

const { port1, port2 } = new MessageChannel()
const urls = []
port1.on("message", (url) => urls.push(url))
const source = `
let port
export const initialize = (data) => { port = data.port }
export const load = (url, context, next) => { port.postMessage(url); return next(url, context) }
`
register(`data:text/javascript,${encodeURIComponent(source)}`, { data: { port: port2 }, transferList: [port2] })
for (const file of workerData) await import(pathToFileURL(file).href)
// What the hooks have sent arrives before what is sent behind it.
setTimeout(() => {
  port1.close()
  parentPort.postMessage(urls)
}, 50)
