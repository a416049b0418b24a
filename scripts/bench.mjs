/**
 * `npm run bench`: the measurements. Arguments go to `bench/src/main.ts`.
 */
import { prepare } from "./internal/build.mjs"
import { node } from "./internal/child.mjs"
import { say } from "./internal/repository.mjs"

await prepare()
say("running bench/src/main.ts")
process.exitCode = await node("bench/dist/main.js", process.argv.slice(2))
