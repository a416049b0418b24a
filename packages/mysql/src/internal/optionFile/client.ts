/**
 * What the options of `[client]` mean: fields of our own config.
 *
 * Options that no client of a library has (`prompt`, `pager`) are passed over, as MySQL's own library does; one that would
 * make the connection safer and cannot be kept is refused. Called by `options`.
 *
 * @internal
 */
import * as Options from "@sluice/core/Options"
import type * as Reason from "@sluice/core/Reason"
import type * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { readFile } from "node:fs/promises"
import type { Config, Tls } from "../../Config.js"
import { attempt, type Entries } from "./read.js"

type Failure = SqlError.SqlError<Reason.ConfigError>

/** The fields that an option file sets. */
export type FileConfig = Pick<Config,
  "host" | "port" | "unixSocket" | "database" | "username" | "password" | "charset" | "tls" | "compress" | "connectTimeout" | "initCommand"
>

const refused = ["ssl-capath", "ssl-crl", "ssl-crlpath", "ssl-cipher", "ssl-fips-mode", "tls-version", "tls-ciphersuites"]

/** The config that these options say. */
export const configOf = (entries: Entries): Effect.Effect<FileConfig, Failure> =>
  Effect.gen(function*() {
    for (const name of refused) if (entries.has(name)) yield* refuse(name, "is not supported")
    if (entries.has("password") && entries.get("password") === undefined) {
      yield* refuse("password", "has no value: nobody is there to be asked for it")
    }
    const text = (name: string): string | undefined => entries.get(name)
    const whole = (name: string): Effect.Effect<number | undefined, Failure> => {
      const value = text(name)
      return value === undefined || /^\d+$/.test(value) ? Effect.succeed(value === undefined ? undefined : Number(value)) : refuse(name, "is no whole number")
    }
    const password = text("password")
    const seconds = yield* whole("connect-timeout")
    return {
      host: text("host"),
      port: yield* whole("port"),
      unixSocket: text("socket"),
      database: text("database"),
      username: text("user"),
      password: password === undefined ? undefined : Redacted.make(password),
      charset: text("default-character-set"),
      tls: yield* tls(entries),
      compress: isOn(entries, "compress") ? true : undefined,
      connectTimeout: seconds === undefined ? undefined : seconds * 1_000,
      initCommand: text("init-command")
    }
  })

const refuse = (name: string, words: string) => Options.refuse("readDefaultFile", `has an option that cannot be kept: ${name} ${words}`)

const isOn = (entries: Entries, name: string): boolean =>
  entries.has(`skip-${name}`) ? false : entries.has(name) && !["0", "off", "false"].includes(entries.get(name)?.toLowerCase() ?? "")

const modes = ["DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"]

/**
 * `ssl-mode` as MySQL means it: REQUIRED encrypts and checks nobody, VERIFY_CA the certificate, VERIFY_IDENTITY its name too.
 * PREFERRED, which falls back to no TLS, is as not set. MariaDB's `ssl` is REQUIRED, and with `ssl-verify-server-cert`
 * VERIFY_IDENTITY; a `ssl-ca` makes it VERIFY_CA at least.
 */
const tls = (entries: Entries): Effect.Effect<boolean | Tls | undefined, Failure> =>
  Effect.gen(function*() {
    const mode = entries.get("ssl-mode")?.toUpperCase()
    if (mode !== undefined && !modes.includes(mode)) yield* refuse("ssl-mode", `must be one of ${modes.join(", ")}`)
    if (mode === "DISABLED") return false
    const pem = (name: string): Effect.Effect<string | undefined, Failure> => {
      const file = entries.get(name)
      return file === undefined ? Effect.succeed(undefined) : attempt(file, () => readFile(file, "utf8"), name)
    }
    const [ca, cert, key] = [yield* pem("ssl-ca"), yield* pem("ssl-cert"), yield* pem("ssl-key")]
    const verifies = mode === "VERIFY_IDENTITY" || isOn(entries, "ssl-verify-server-cert")
    const isWanted = mode === "REQUIRED" || mode === "VERIFY_CA" || verifies || isOn(entries, "ssl") || ca !== undefined || cert !== undefined || key !== undefined
    return !isWanted ? undefined : {
      ca,
      cert,
      key: key === undefined ? undefined : Redacted.make(key),
      rejectUnauthorized: verifies || mode === "VERIFY_CA" || ca !== undefined,
      verifyIdentity: verifies
    }
  })
