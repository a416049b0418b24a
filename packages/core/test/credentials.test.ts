/**
 * Credentials: where a secret comes from, how long it is kept, and that nobody is stranded or told it.
 */
import * as Command from "@effect/platform/Command"
import * as CommandExecutor from "@effect/platform/CommandExecutor"
import { SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { inspect } from "node:util"
import * as Credentials from "../src/Credentials.js"
import * as Reason from "../src/Reason.js"
import * as SqlError from "../src/SqlError.js"

const reveal = <E, R>(credentials: Effect.Effect<Redacted.Redacted, E, R>) => Effect.map(credentials, Redacted.value)

/** A source of numbered tokens that counts how often it was asked. */
const tokens = (expiresIn?: Duration.DurationInput, takes: Duration.DurationInput = 0) => {
  const source = { asked: 0, interrupted: 0 }
  const token = Effect.suspend(() => {
    const number = ++source.asked
    return Effect.as(Effect.sleep(takes), { secret: Redacted.make(`token ${number}`), expiresIn })
  }).pipe(Effect.onInterrupt(() => Effect.sync(() => source.interrupted++)))
  return Object.assign(source, { token })
}

const silent = (failure: Credentials.Failure, secret: string) => {
  for (const text of [failure.message, String(failure), JSON.stringify(failure), inspect(failure), inspect(failure.reason, { depth: 9 })]) {
    assert.notInclude(text, secret)
  }
}

describe("Credentials.cached", () => {
  it.effect("keeps a secret for 90 % of its life, and then asks again", () => Effect.gen(function*() {
    const source = tokens("1 hour")
    const credentials = yield* Credentials.cached(source.token)
    assert.strictEqual(yield* reveal(credentials), "token 1")
    yield* TestClock.adjust(Duration.minutes(54).pipe(Duration.subtract("1 millis")))
    assert.strictEqual(yield* reveal(credentials), "token 1")
    yield* TestClock.adjust(1)
    assert.strictEqual(yield* reveal(credentials), "token 2")
    assert.strictEqual(source.asked, 2)
  }))

  it.effect("a life counts from when the secret was asked for", () => Effect.gen(function*() {
    const source = tokens(10_000, 5_000)
    const credentials = yield* Credentials.cached(source.token)
    const first = yield* Effect.fork(credentials)
    yield* TestClock.adjust(5_000)
    yield* Fiber.join(first)
    yield* TestClock.adjust(3_999)
    yield* credentials
    assert.strictEqual(source.asked, 1)
    yield* TestClock.adjust(1)
    yield* Effect.fork(credentials)
    yield* Effect.yieldNow()
    yield* TestClock.adjust(5_000)
    assert.strictEqual(source.asked, 2)
  }))

  it.effect("one that says no life is asked for at each connect, or kept for timeToLive", () => Effect.gen(function*() {
    const source = tokens()
    const each = yield* Credentials.cached(source.token)
    assert.strictEqual(yield* reveal(each), "token 1")
    assert.strictEqual(yield* reveal(each), "token 2")
    const bare = yield* Credentials.cached(Effect.map(source.token, ({ secret }) => secret), { timeToLive: Duration.infinity })
    assert.strictEqual(yield* reveal(bare), "token 3")
    yield* TestClock.adjust("1000 days")
    assert.strictEqual(yield* reveal(bare), "token 3")
    const half = yield* Credentials.cached(source.token, { timeToLive: "10 seconds", share: 0.5 })
    assert.strictEqual(yield* reveal(half), "token 4")
    yield* TestClock.adjust("5 seconds")
    assert.strictEqual(yield* reveal(half), "token 5")
  }))

  it.effect("is asked for once for all who wait", () => Effect.gen(function*() {
    const source = tokens("1 hour", "1 second")
    const credentials = yield* Credentials.cached(source.token)
    const waiters = yield* Effect.forEach(Array.from({ length: 50 }), () => Effect.fork(reveal(credentials)))
    yield* TestClock.adjust("1 second")
    const secrets = yield* Effect.forEach(waiters, Fiber.join)
    assert.deepStrictEqual([new Set(secrets).size, source.asked], [1, 1])
  }))

  it.effect("an interrupted connect does not strand the others, the first one neither", () => Effect.gen(function*() {
    const source = tokens("1 hour", "1 second")
    const credentials = yield* Credentials.cached(source.token)
    const first = yield* Effect.fork(credentials)
    yield* Effect.yieldNow()
    const others = yield* Effect.forEach([1, 2], () => Effect.fork(reveal(credentials)))
    yield* TestClock.adjust("500 millis")
    yield* Fiber.interrupt(first)
    yield* Fiber.interrupt(others[0]!)
    yield* TestClock.adjust("500 millis")
    assert.strictEqual(yield* Fiber.join(others[1]!), "token 1")
    assert.deepStrictEqual([source.asked, source.interrupted], [1, 0])
  }))

  it.effect("when the last one left, the asking is interrupted, and the next one asks anew", () => Effect.gen(function*() {
    const source = tokens("1 hour", "1 second")
    const credentials = yield* Credentials.cached(source.token)
    const fibers = yield* Effect.forEach([1, 2], () => Effect.fork(credentials))
    yield* TestClock.adjust("500 millis")
    yield* Fiber.interruptAll(fibers)
    const next = yield* Effect.fork(reveal(credentials))
    yield* TestClock.adjust("1 second")
    assert.strictEqual(yield* Fiber.join(next), "token 2")
    assert.deepStrictEqual([source.asked, source.interrupted], [2, 1])
  }))

  it.effect("whoever leaves, and whenever: who stays gets the secret, and nothing is left running", () => Effect.gen(function*() {
    const moments = FastCheck.array(FastCheck.tuple(FastCheck.nat(30), FastCheck.option(FastCheck.nat(30))), { minLength: 1, maxLength: 8 })
    for (const waiters of FastCheck.sample(moments, { numRuns: 15, seed: 7 })) {
      const source = tokens(20, 10)
      const credentials = yield* Credentials.cached(source.token)
      const fibers = yield* Effect.forEach(waiters, ([comes, leaves]) =>
        Effect.gen(function*() {
          yield* Effect.sleep(comes)
          const fiber = yield* Effect.fork(credentials)
          yield* leaves === null ? Effect.void : Effect.zipRight(Effect.sleep(leaves), Fiber.interrupt(fiber))
          return yield* Fiber.await(fiber)
        }).pipe(Effect.fork))
      for (let ms = 0; ms < 100; ms += 5) yield* TestClock.adjust(5)
      const exits = yield* Effect.forEach(fibers, Fiber.join)
      waiters.forEach(([, leaves], index) => assert.isTrue(leaves !== null || Exit.isSuccess(exits[index]!), JSON.stringify(waiters)))
      const before = source.asked
      yield* TestClock.adjust("1 minute")
      assert.isAtMost(source.interrupted, source.asked)
      assert.strictEqual(source.asked, before)
    }
  }))

  it.effect("a failure fails all who waited, and is not kept", () => Effect.gen(function*() {
    let asked = 0
    const source = Effect.suspend(() => ++asked === 1 ? Effect.delay(Effect.fail(new Error("hunter2 is wrong")), 100) : Effect.succeed(Redacted.make("good")))
    const credentials = yield* Credentials.cached(source, { name: "the vault" })
    const waiters = yield* Effect.forEach([1, 2, 3], () => Effect.fork(Effect.flip(credentials)))
    yield* TestClock.adjust(100)
    for (const failure of yield* Effect.forEach(waiters, Fiber.join)) {
      assert.strictEqual(failure.reason._tag, "AuthenticationError")
      assert.include(failure.message, "the vault")
      silent(failure, "hunter2")
    }
    assert.strictEqual(asked, 1)
    assert.strictEqual(yield* reveal(credentials), "good")
  }))

  it.effect("a source that interrupts itself is a failure of those who wait, not their interruption", () => Effect.gen(function*() {
    const credentials = yield* Credentials.cached(Effect.interrupt)
    assert.include((yield* Effect.flip(credentials)).message, "interrupted")
    const dying = yield* Credentials.cached(Effect.die("bug"))
    assert.deepStrictEqual(yield* Effect.exit(dying), Exit.die("bug"))
  }))

  it.effect("failures of ours stay, others become AuthenticationErrors; retryable only where the cause is", () => Effect.gen(function*() {
    class VaultSealed extends Data.TaggedError("VaultSealed")<{ readonly key: string }> {}
    const of = <E>(error: E) => Effect.flatMap(Credentials.cached(Effect.fail(error)), Effect.flip)
    const config = SqlError.make(new Reason.ConfigError({ message: "no vault", field: "vault" }))
    assert.strictEqual(yield* of(config), config)
    const sealed = yield* of(new VaultSealed({ key: "hunter2" }))
    assert.include(sealed.message, "VaultSealed")
    assert.isFalse(sealed.isRetryable)
    silent(sealed, "hunter2")
    const away = yield* of(SqlError.make(new Reason.ConnectionError({ message: "away" })))
    assert.deepStrictEqual([away.reason._tag, away.isRetryable], ["AuthenticationError", true])
  }))

  it.effect("invalidate drops what is kept", () => Effect.gen(function*() {
    const cache = yield* Credentials.cachedInvalidate(tokens("1 hour").token)
    assert.strictEqual(yield* reveal(cache.credentials), "token 1")
    yield* cache.invalidate
    assert.strictEqual(yield* reveal(cache.credentials), "token 2")
  }))

  it.effect("options that cannot work are ConfigErrors; a life that is none is not kept", () => Effect.gen(function*() {
    const source = tokens(-1)
    assert.strictEqual((yield* Effect.flip(Credentials.cached(source.token, { timeToLive: -1 }))).reason.field, "credentials.timeToLive")
    assert.strictEqual((yield* Effect.flip(Credentials.cached(source.token, { share: 2 }))).reason.field, "credentials.share")
    const credentials = yield* Credentials.cached(source.token)
    yield* credentials
    yield* credentials
    assert.strictEqual(source.asked, 2)
  }))
})

describe("Credentials, sources", () => {
  it.effect("fixed, and whatever a config takes", () => Effect.gen(function*() {
    const secret = Redacted.make("hunter2")
    assert.strictEqual(yield* Credentials.fixed(secret), secret)
    assert.strictEqual(yield* Credentials.from(secret), secret)
    assert.strictEqual(yield* Credentials.from(Credentials.fixed(secret)), secret)
  }))

  it.effect("fromConfig: read at each connect; what is missing or malformed is named, and not quoted", () => Effect.gen(function*() {
    const provided = (password: string) => Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["PGPASSWORD", password]])))
    const credentials = Credentials.fromConfig(Config.redacted("PGPASSWORD"))
    assert.strictEqual(yield* provided("one")(reveal(credentials)), "one")
    assert.strictEqual(yield* provided("two")(reveal(credentials)), "two")
    yield* Effect.gen(function*() {
      const missing = yield* Effect.flip(Credentials.fromConfig(Config.redacted("NOWHERE")))
      assert.deepStrictEqual([missing.reason._tag, missing.reason._tag === "ConfigError" ? missing.reason.field : ""], ["ConfigError", "NOWHERE"])
      const strict = Config.mapOrFail(Config.redacted("PGPASSWORD"), (secret) =>
        Either.left(ConfigError.InvalidData([], `${Redacted.value(secret)} is too short`)))
      const malformed = yield* Effect.flip(Credentials.fromConfig(strict))
      assert.include(malformed.message, "credentials.config (malformed)")
      silent(malformed, "two")
      const either = yield* Effect.flip(Credentials.fromConfig(Config.orElse(Config.redacted("A"), () => Config.redacted("B"))))
      assert.include(either.message, "A (missing), B (missing)")
    }).pipe(provided("two"))
  }))

  it.effect("fromFile: read at each connect, without its last newline", () => Effect.gen(function*() {
    let content = "one\n"
    const files = FileSystem.layerNoop({ readFileString: () => Effect.sync(() => content) })
    const credentials = yield* Effect.provide(Credentials.fromFile("/run/secrets/db"), files)
    assert.strictEqual(yield* reveal(credentials), "one")
    content = " two \r\n"
    assert.strictEqual(yield* reveal(credentials), " two ")
    content = "three\n\n"
    assert.strictEqual(yield* reveal(credentials), "three\n")
    content = "\n"
    const empty = yield* Effect.flip(credentials)
    assert.strictEqual(empty.reason._tag, "ConfigError")
    assert.include(empty.message, "/run/secrets/db is empty")
  }))

  it.effect("fromFile: a file that is not there is a ConfigError that names it", () => Effect.gen(function*() {
    const credentials = yield* Effect.provide(Credentials.fromFile("/run/secrets/db"), FileSystem.layerNoop({}))
    const failure = yield* Effect.flip(credentials)
    assert.strictEqual(failure.reason._tag, "ConfigError")
    assert.include(failure.message, "/run/secrets/db cannot be read: NotFound")
  }))

  /** A shell that prints and exits as it is told; or does not start. */
  const shell = (prints: string, exits: number, starts = true) => {
    const state = { stopped: 0 }
    const executor = CommandExecutor.makeExecutor(() => {
      if (!starts) return Effect.fail(new SystemError({ module: "Command", method: "spawn", reason: "NotFound", pathOrDescriptor: "pass" }))
      const process = {
        [CommandExecutor.ProcessTypeId]: CommandExecutor.ProcessTypeId,
        pid: CommandExecutor.ProcessId(1),
        exitCode: exits < 0 ? Effect.never : Effect.succeed(CommandExecutor.ExitCode(exits)),
        isRunning: Effect.succeed(false),
        kill: () => Effect.void,
        stderr: Stream.encodeText(Stream.make("hunter2 was refused")),
        stdin: Sink.drain,
        stdout: Stream.encodeText(Stream.make(prints)),
        toJSON: () => ({}),
        toString: () => "process"
      }
      return Effect.acquireRelease(Effect.succeed(process as unknown as CommandExecutor.Process), () => Effect.sync(() => state.stopped++))
    })
    const credentials = Credentials.fromCommand(Command.make("pass", "show", "--pin=hunter2", "db")).pipe(
      Effect.provideService(CommandExecutor.CommandExecutor, executor)
    )
    return { state, credentials }
  }

  it.effect("fromCommand: what it prints, run anew at each connect", () => Effect.gen(function*() {
    const { credentials, state } = shell("secret\n", 0)
    const password = yield* credentials
    assert.strictEqual(yield* reveal(password), "secret")
    assert.strictEqual(yield* reveal(password), "secret")
    assert.strictEqual(state.stopped, 2)
  }))

  it.effect("fromCommand: its failures name the program and neither arguments nor output", () => Effect.gen(function*() {
    const [exits, prints, starts] = yield* Effect.forEach(
      [shell("hunter2", 3), shell("\n", 0), shell("", 0, false)],
      ({ credentials }) => Effect.flatMap(credentials, Effect.flip)
    )
    assert.include(exits!.message, "AuthenticationError: the command pass exited with 3")
    assert.include(prints!.message, "AuthenticationError: the command pass printed nothing")
    assert.include(starts!.message, "ConfigError: the command pass cannot be started: NotFound")
    for (const failure of [exits!, prints!, starts!]) silent(failure, "hunter2")
  }))

  it.effect("fromCommand: interrupting stops the process", () => Effect.gen(function*() {
    const { credentials, state } = shell("secret", -1)
    const fiber = yield* Effect.fork(yield* credentials)
    yield* Effect.yieldNow()
    yield* Fiber.interrupt(fiber)
    assert.strictEqual(state.stopped, 1)
  }))

  it.effect("prompt: one question at a time, asked at each connect; cached, once", () => Effect.gen(function*() {
    let [open, most, asked] = [0, 0, 0]
    const ask = Effect.acquireUseRelease(
      Effect.sync(() => {
        open += 1
        most = Math.max(most, open)
      }),
      () => Effect.delay(Effect.sync(() => `code ${++asked}`), "1 second"),
      () => Effect.sync(() => open--)
    )
    const code = Credentials.prompt(ask)
    const fiber = yield* Effect.fork(Effect.all([reveal(code), reveal(code)], { concurrency: 2 }))
    yield* TestClock.adjust("2 seconds")
    assert.deepStrictEqual([yield* Fiber.join(fiber), most], [["code 1", "code 2"], 1])
    const once = yield* Credentials.cached(code, { timeToLive: Duration.infinity })
    const both = yield* Effect.fork(Effect.all([reveal(once), reveal(once)], { concurrency: 2 }))
    yield* TestClock.adjust("2 seconds")
    assert.deepStrictEqual(yield* Fiber.join(both), ["code 3", "code 3"])
  }))

  it.effect("prompt: who does not answer is an AuthenticationError; a redacted answer stays one", () => Effect.gen(function*() {
    const gate = yield* Deferred.make<Redacted.Redacted, string>()
    const fiber = yield* Effect.fork(Effect.flip(Credentials.prompt(Deferred.await(gate), { name: "the code of your phone" })))
    yield* Deferred.fail(gate, "hunter2")
    const failure = yield* Fiber.join(fiber)
    assert.strictEqual(failure.reason._tag, "AuthenticationError")
    assert.include(failure.message, "the code of your phone")
    silent(failure, "hunter2")
    assert.strictEqual(yield* reveal(Credentials.prompt(Effect.succeed(Redacted.make("yes")))), "yes")
  }))
})
