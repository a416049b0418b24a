/**
 * `npm run bench`: the measurements, on servers of their own. Arguments go to `bench/src/main.ts`.
 *
 * A server is started for a suite that is asked for; the variable that names another one keeps it from being started.
 */
import { prepare } from "./internal/build.mjs"
import { node } from "./internal/child.mjs"
import { say } from "./internal/repository.mjs"
import { servers, start } from "./internal/servers.mjs"

/** What each suite runs on. */
const needs = { mysql: "mariadb", postgres: "postgres" }

const args = process.argv.slice(2)
const asked = args.flatMap((arg, i) => arg.startsWith("--suite=") ? arg.slice(8).split(",") : args[i - 1] === "--suite" ? arg.split(",") : [])
const names = Object.entries(needs).filter(([suite]) => asked.length === 0 || asked.includes(suite)).map(([, name]) => name)

await prepare()
const running = await start(servers.filter(({ name }) => names.includes(name)))
try {
  say("running bench/src/main.ts")
  process.exitCode = await node("bench/dist/main.js", args, { env: { ...process.env, ...running.env } })
} finally {
  await running.stop()
}
