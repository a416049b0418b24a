/**
 * TLS: what `sslmode`, `tls` and libpq's files say together, as the ways in which a server is tried.
 *
 * `disable` and `allow` begin without TLS, `prefer` with it, and neither `allow` nor `prefer` checks anybody; the other modes are those of
 * core's `Tls`, which looks at certificates and keys. Called by `options`.
 * https://www.postgresql.org/docs/17/libpq-ssl.html
 *
 * @internal
 */
import * as Options from "@sluice/core/Options"
import * as Tls from "@sluice/core/Tls"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import * as crypto from "node:crypto"
import * as fs from "node:fs/promises"
import * as tls from "node:tls"
import type { Config } from "../Config.js"
import { failure, type Failure, found, own } from "./files.js"
import { type File, type Said, sslmodes } from "./keywords.js"

/** How a server is spoken to, in the order in which it is tried. */
export type Ways = ReadonlyArray<false | tls.ConnectionOptions>

type Mode = NonNullable<Config["sslmode"]>

/** The ways of a config. With `isHomeRead` certificates are looked for in the user's own folder, as libpq does. */
export const waysOf = (config: Pick<Config, "tls" | "sslmode">, said: Said, isHomeRead: boolean): Effect.Effect<Ways, Failure> =>
  Effect.gen(function*() {
    const given: Tls.Tls = typeof config.tls === "object" ? config.tls : {}
    const mode = yield* modeOf(config, said)
    if (mode === "disable") return [false]
    const home = (name: string) => isHomeRead ? found(own(`.postgresql/${name}`, name), "environment") : Effect.succeed(undefined)
    const files = said.files ?? {}
    const ca = given.ca ?? (files.sslrootcert?.path === "system" ? "system" : fileOf(files.sslrootcert ?? (yield* home("root.crt"))))
    const ownCert = given.cert === undefined && files.sslcert === undefined ? yield* home("postgresql.crt") : undefined
    const key = given.key ?? fileOf(files.sslkey ?? (ownCert === undefined ? undefined : yield* home("postgresql.key")))
    if (key !== undefined && !Redacted.isRedacted(key)) yield* kept(key)
    if (ca === "system" && mode !== "verify-full" && config.tls === undefined) yield* Options.refuse("sslmode", "must be verify-full where the system's authorities are trusted: anybody has a certificate of theirs")
    const secured = yield* Tls.resolve({
      ...given,
      mode: mode === "allow" ? "prefer" : mode,
      ca,
      crl: given.crl ?? fileOf(files.sslcrl ?? (ca === undefined ? undefined : yield* home("root.crl"))),
      cert: given.cert ?? fileOf(files.sslcert ?? ownCert),
      key,
      passphrase: given.passphrase ?? said.sslpassword,
      minVersion: given.minVersion ?? said.minVersion,
      maxVersion: given.maxVersion ?? said.maxVersion
    }, { crypto, fs, tls })
    if (secured === undefined) return [false]
    return mode === "allow" ? [false, secured.options] : mode === "prefer" ? [secured.options, false] : [secured.options]
  })

/** Fields win; without a mode anything that is said of TLS means `verify-full`. */
const modeOf = ({ sslmode, tls }: Pick<Config, "tls" | "sslmode">, said: Said): Options.Checked<Mode> => {
  const own = tls === true ? "verify-full" : tls === false ? "disable" : tls?.mode ?? (tls?.trustServerCertificate === true ? "require" : undefined)
  if (sslmode !== undefined && own !== undefined) return Options.refuse("sslmode", "is said by tls already: give one of them")
  if (sslmode !== undefined && !sslmodes.includes(sslmode)) return Options.refuse("sslmode", `must be one of ${sslmodes.join(", ")}`)
  const { sslcert, sslcrl, sslkey, sslrootcert } = said.files ?? {}
  return Either.right(own ?? sslmode ?? said.sslmode ?? (tls ?? sslcert ?? sslcrl ?? sslkey ?? sslrootcert ? "verify-full" : "disable"))
}

const fileOf = (file: File | undefined): Tls.File | undefined => file === undefined ? undefined : Tls.file(file.path, file.field)

/** As libpq: a key that others may read is no secret. One of root's may be read by its group. */
const kept = ({ field, path }: Tls.File): Effect.Effect<void, Failure> =>
  Effect.flatMap(Effect.promise(() => fs.stat(path).then(({ mode, uid }) => (mode & (uid === 0 ? 0o037 : 0o077)) !== 0, () => false)), (isOpen) =>
    isOpen && process.platform !== "win32" ? Effect.fail(failure({ path, field: field ?? "tls.key" }, "names a key that others may read: its mode should be 0600 or less, or 0640 where it is root's")) : Effect.void)
