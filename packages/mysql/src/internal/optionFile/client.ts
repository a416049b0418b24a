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
import * as Tls from "@sluice/core/Tls"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Config } from "../../Config.js"
import type { Entries } from "./read.js"

type Failure = SqlError.SqlError<Reason.ConfigError>

/** The fields that an option file sets. */
export type FileConfig = Pick<Config,
  "host" | "port" | "unixSocket" | "database" | "username" | "password" | "charset" | "tls" | "compress" | "connectTimeout" | "initCommand"
>

const refused: Readonly<Record<string, string>> = {
  "ssl-capath": "is not supported: name the file, with ssl-ca",
  "ssl-crlpath": "is not supported: name the file, with ssl-crl",
  "ssl-fips-mode": "is not supported"
}

/** The config that these options say. */
export const configOf = (entries: Entries): Effect.Effect<FileConfig, Failure> =>
  Effect.gen(function*() {
    for (const [name, words] of Object.entries(refused)) if (entries.has(name)) yield* refuse(name, words)
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

const modes: Readonly<Record<string, Tls.Mode>> = {
  DISABLED: "disable", PREFERRED: "prefer", REQUIRED: "require", VERIFY_CA: "verify-ca", VERIFY_IDENTITY: "verify-full"
}

// What OpenSSL has for TLS 1.3 by itself, of which `ssl-cipher` does not speak.
const suites = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"

const versions: ReadonlyArray<Tls.Version> = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]

/** `tls-version` is a list, and TLS agrees on a range: a list with a gap cannot be kept. */
const rangeOf = (list: string): Pick<Tls.Tls, "minVersion" | "maxVersion"> | undefined => {
  const named = list.split(",").map((name) => versions.findIndex((version) => version.toLowerCase() === name.trim().toLowerCase()))
  const [min, max] = [Math.min(...named), Math.max(...named)]
  return min === -1 || new Set(named).size !== max - min + 1 ? undefined : { minVersion: versions[min], maxVersion: versions[max] }
}

/**
 * `ssl-mode` as MySQL means it: REQUIRED encrypts and checks nobody, VERIFY_CA the certificate, VERIFY_IDENTITY its name too.
 * MariaDB's `ssl` is REQUIRED, and with `ssl-verify-server-cert` VERIFY_IDENTITY; a `ssl-ca` makes it VERIFY_CA at least.
 */
const tls = (entries: Entries): Effect.Effect<Tls.Tls | undefined, Failure> =>
  Effect.gen(function*() {
    const named = entries.get("ssl-mode")?.toUpperCase()
    if (named !== undefined && !Object.hasOwn(modes, named)) yield* refuse("ssl-mode", `must be one of ${Object.keys(modes).join(", ")}`)
    const file = (name: string): Tls.File | undefined => {
      const path = entries.get(name)
      return path === undefined ? undefined : Tls.file(path, `readDefaultFile.${name}`)
    }
    const [ca, cert, key, crl] = [file("ssl-ca"), file("ssl-cert"), file("ssl-key"), file("ssl-crl")]
    const [older, newer] = [entries.get("ssl-cipher"), entries.get("tls-ciphersuites")]
    const ciphers = older === undefined && newer === undefined ? undefined : `${newer ?? suites}:${older ?? "DEFAULT"}`
    const listed = entries.get("tls-version")
    const range = listed === undefined ? undefined : rangeOf(listed)
    if (listed !== undefined && range === undefined) yield* refuse("tls-version", `must be of ${versions.join(", ")}, without a gap between them`)
    const mode = isOn(entries, "ssl-verify-server-cert") && named !== "DISABLED" ? "verify-full" : named === undefined ? undefined : modes[named]
    const isWanted = mode !== undefined || isOn(entries, "ssl") || [ca, cert, key, crl, ciphers].some((one) => one !== undefined)
    return isWanted ? { mode: mode ?? "require", ca, cert, key, crl, ciphers, ...range } : undefined
  })
