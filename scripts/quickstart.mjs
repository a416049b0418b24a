/**
 * `npm run quickstart`: from a fresh clone to a running example. Arguments go to `examples/quickstart.ts`.
 */
import { prepare } from "./internal/build.mjs"
import { node } from "./internal/child.mjs"
import { say } from "./internal/repository.mjs"

await prepare()
say("running examples/quickstart.ts")
process.exitCode = await node("examples/dist/quickstart.js", process.argv.slice(2))
