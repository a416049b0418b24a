/**
 * `npm run soak`: minutes of mixed load with the faults of networks and servers, on a server of its own.
 *
 * Options: `--dialect <name>` (default mysql), `--minutes <n>` (default 10). Fails where memory grows, a session is left or
 * a failure comes that no fault explains.
 */
import { prepare } from "./internal/build.mjs"
import { say } from "./internal/repository.mjs"

/** How each dialect's database is reached: what its fault suite says, too. */
const dialects = {
  mysql: async () => {
    const [Mysql, { mariadb: profile }, { mariadb: server }] = await Promise.all([
      import("../packages/mysql/dist/Mysql.js"),
      import("../packages/testkit/dist/profiles/mysql.js"),
      import("../packages/testkit/dist/servers/mariadb.js")
    ])
    return { profile, server, layer: (endpoint, config) => Mysql.layer({ username: "root", database: "test", ...endpoint, ...config }) }
  },
  postgres: async () => {
    const [Postgres, { postgres: profile }, { postgres: server }] = await Promise.all([
      import("../packages/postgres/dist/Postgres.js"),
      import("../packages/testkit/dist/profiles/postgres.js"),
      import("../packages/testkit/dist/servers/postgres.js")
    ])
    return { profile, server, layer: (endpoint, config) => Postgres.layer({ username: "postgres", ...endpoint, ...config }) }
  }
}

const refuse = (message) => {
  say(message)
  process.exit(2)
}

const given = { dialect: "mysql", minutes: "10" }
const args = process.argv.slice(2)
for (let i = 0; i < args.length; i += 2) {
  const name = args[i].replace(/^--/, "")
  if (given[name] === undefined || args[i + 1] === undefined) refuse(`${args[i]}: the options are --dialect ${Object.keys(dialects).join("|")} and --minutes n`)
  given[name] = args[i + 1]
}
const minutes = Number(given.minutes)
if (!(minutes > 0)) refuse(`--minutes must be a number above 0, was ${given.minutes}`)
if (!Object.hasOwn(dialects, given.dialect)) refuse(`--dialect must be one of ${Object.keys(dialects).join(", ")}, was ${given.dialect}`)

await prepare()
const { Effect, Exit, Cause } = await import("effect")
const { soak } = await import("../packages/testkit/dist/Soak.js")
const options = await dialects[given.dialect]()
if (options.server === undefined) refuse(`${given.dialect} has no server here that could be started`)
say(`soaking ${given.dialect} for ${minutes} minutes`)
const fiber = Effect.runFork(soak(options, { minutes, say }))
// Interrupted, it stops its server and removes its folder.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => Effect.runFork(fiber.interruptAsFork(fiber.id())))
fiber.addObserver((exit) => {
  if (Exit.isSuccess(exit)) {
    const { done, failed, heapAfterWarmUp, heapAtEnd, interrupted, opened, restarts } = exit.value
    const mb = (bytes) => (bytes / 1_000_000).toFixed(1)
    say(`${done} done, ${interrupted} interrupted, ${failed} failed by faults, ${restarts} restarts, ${opened} connections opened; heap ${mb(heapAfterWarmUp)} MB after the warm-up, ${mb(heapAtEnd)} MB at the end; no session left`)
  } else {
    say(`failed: ${Cause.pretty(exit.cause)}`)
    process.exitCode = 1
  }
})
