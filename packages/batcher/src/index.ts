export * as BatchError from "./BatchError.js"
export * as BatchPolicy from "./BatchPolicy.js"
export * as Batcher from "./Batcher.js"
export * as BulkSink from "./BulkSink.js"
