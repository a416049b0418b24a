/**
 * Tls: how TLS is spoken, one record for every dialect, and checked before anything is sent.
 *
 * It speaks no TLS and reads no file by itself: a dialect hands in Node's own modules, and gets what its driver connects
 * with. What an authority, a key or a file is refused for is in `internal/tls`. Taken by the dialects' configs.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Redacted from "effect/Redacted"
import type { ConnectionString } from "./ConnectionString.js"
import { ofAdo } from "./internal/tls/ado.js"
import { checkOf, contextOf } from "./internal/tls/context.js"
import { modeOf } from "./internal/tls/mode.js"
import * as Pem from "./internal/tls/pem.js"
import type { Checked } from "./Options.js"
import type * as Reason from "./Reason.js"
import type * as SqlError from "./SqlError.js"

/**
 * What TLS is for, in libpq's words, with the same meaning in every dialect.
 *
 * `disable`: none. `prefer`: where the server has it, and nobody is checked. `require`: or nothing, and nobody is checked unless a `ca` is
 * given, which makes it `verify-ca`. `verify-ca`: the certificate is checked. `verify-full`: and whom it is for.
 *
 * @example
 * ```ts
 * import type { Tls } from "@sluice/core"
 *
 * const mode: Tls.Mode = "verify-ca"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Mode = "disable" | "prefer" | "require" | "verify-ca" | "verify-full"

/**
 * A file in the place of a text; made by `file`.
 *
 * @example
 * ```ts
 * import { Tls } from "@sluice/core"
 *
 * const ca: Tls.File = Tls.file("/etc/ssl/db-ca.pem")
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface File {
  /** What tells it from a text. */
  readonly _tag: "File"
  /** Where it is. */
  readonly path: string
  /** What named it, where that is no field of `Tls`: the option of a url, or of an option file. */
  readonly field: string | undefined
}

/**
 * What is seen of a server's certificate: the part of Node's `PeerCertificate` that every version has.
 *
 * @example
 * ```ts
 * import type { Tls } from "@sluice/core"
 *
 * const isPinned = (certificate: Tls.ServerCertificate) => certificate.fingerprint256 === "AB:CD:…"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerCertificate {
  /** The names that it is for: `DNS:db.example.com, IP Address:10.0.0.7`. */
  readonly subjectaltname?: string | undefined
  /** The SHA-256 of the whole of it, in hexadecimal with colons. */
  readonly fingerprint256: string
  /** Its number among its authority's. */
  readonly serialNumber: string
  /** When it begins to hold, in OpenSSL's words. */
  readonly valid_from: string
  /** When it ends to. */
  readonly valid_to: string
  /** The whole of it, in DER. */
  readonly raw: Uint8Array
}

/**
 * How TLS is spoken. The server's certificate and its name are checked unless this says otherwise. A field that cannot work, a file
 * that cannot be read among them, fails the layer with a ConfigError that names it; no message quotes a text.
 *
 * @example
 * ```ts
 * import { Tls } from "@sluice/core"
 * import { Redacted } from "effect"
 *
 * const tls: Tls.Tls = {
 *   ca: Tls.file("ca.pem"),
 *   cert: Tls.file("client.pem"),
 *   key: Tls.file("client.key"),
 *   passphrase: Redacted.make("…"),
 *   crl: Tls.file("revoked.pem")
 * }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Tls {
  /** What it is for. Default `verify-full`. */
  readonly mode?: Mode | undefined
  /**
   * Certificates of the authorities that are trusted: their text in PEM, or a file in PEM or DER; or `system`, the operating
   * system's where Node knows them (22.15 on), else Node's own. Default: Node's own.
   */
  readonly ca?: string | File | undefined
  /** Certificates that are revoked: the authorities' lists, in PEM or a file. Default: none. */
  readonly crl?: string | File | undefined
  /** The client's certificate, and what leads from it to its authority, in PEM or a file. Default: none. */
  readonly cert?: string | File | undefined
  /** The key of `cert`, in PEM or a file. */
  readonly key?: Redacted.Redacted | File | undefined
  /** What opens `key`, where it is encrypted. */
  readonly passphrase?: Redacted.Redacted | undefined
  /** The name that the server is asked for (SNI), and that its certificate must have, where it is not `host`. */
  readonly servername?: string | undefined
  /** The ciphers that may be agreed on, in OpenSSL's words, separated by colons. Default: Node's. */
  readonly ciphers?: string | undefined
  /** The oldest version that may be agreed on. Default: Node's, TLSv1.2. */
  readonly minVersion?: Version | undefined
  /** The newest version that may be agreed on. Default: Node's, TLSv1.3. */
  readonly maxVersion?: Version | undefined
  /**
   * Asked besides everything else that is checked, as for a fingerprint that is known: an Error refuses the server. Needs a mode
   * that checks.
   */
  readonly checkServerIdentity?: ((host: string, certificate: ServerCertificate) => Error | undefined) | undefined
  /**
   * SQL Server's word for `mode: "require"`: whoever answers is trusted. Beside what checks the server, `ca` first of all, it is a
   * ConfigError. Default false.
   */
  readonly trustServerCertificate?: boolean | undefined
}

/**
 * A version of TLS, as Node names it.
 *
 * @example
 * ```ts
 * import type { Tls } from "@sluice/core"
 *
 * const newest: Tls.Version = "TLSv1.3"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Version = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3"

/**
 * What core needs of Node: three of its modules as they are. `C` is a SecureContext, `P` a PeerCertificate.
 *
 * @example
 * ```ts
 * import type { Tls } from "@sluice/core"
 * import * as crypto from "node:crypto"
 * import * as fs from "node:fs/promises"
 * import * as tls from "node:tls"
 *
 * const platform: Tls.Platform<tls.SecureContext, tls.PeerCertificate> = { crypto, fs, tls }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Platform<C, P> {
  /** `node:fs/promises`. */
  readonly fs: { readFile(path: string): Promise<Uint8Array> }
  /** `node:crypto`. */
  readonly crypto: {
    readonly X509Certificate: new(pem: string) => unknown
    createPrivateKey(key: { readonly key: string; readonly passphrase?: string }): unknown
  }
  /** `node:tls`. */
  readonly tls: {
    createSecureContext(options: ContextOptions): C
    checkServerIdentity(host: string, certificate: P): Error | undefined
    getCACertificates?(kind: "system"): Array<string>
  }
}

/**
 * What a context of TLS is made of: the part of Node's `SecureContextOptions` that is used.
 *
 * @example
 * ```ts
 * import type { Tls } from "@sluice/core"
 *
 * const options: Tls.ContextOptions = { minVersion: "TLSv1.3" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface ContextOptions {
  /** Whom to trust. */
  readonly ca?: string | Array<string>
  /** What is revoked. */
  readonly crl?: string
  /** The client's certificate. */
  readonly cert?: string
  /** Its key. */
  readonly key?: string
  /** What opens the key. */
  readonly passphrase?: string
  /** The ciphers. */
  readonly ciphers?: string
  /** The oldest version. */
  readonly minVersion?: Version
  /** The newest version. */
  readonly maxVersion?: Version
}

/**
 * What a driver connects with.
 *
 * @example
 * ```ts
 * import type { Tls } from "@sluice/core"
 * import * as tls from "node:tls"
 *
 * const over = (socket: tls.TLSSocket, secured: Tls.Secured<tls.SecureContext, tls.PeerCertificate>) =>
 *   tls.connect({ ...secured.options, socket })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Secured<C, P> {
  /** What it is for; a `require` with an authority is `verify-ca`. */
  readonly mode: Exclude<Mode, "disable">
  /** The options of `tls.connect`, but for where to. */
  readonly options: {
    readonly secureContext: C
    readonly rejectUnauthorized: boolean
    readonly servername?: string
    readonly checkServerIdentity: (host: string, certificate: P) => Error | undefined
  }
}

/**
 * A file in the place of a text. It is read when the database is made. `field` names what it came by in a ConfigError; it is the field
 * of `Tls` by default.
 *
 * @example
 * ```ts
 * import { Tls } from "@sluice/core"
 *
 * const tls: Tls.Tls = { ca: Tls.file("ca.pem") }
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const file = (path: string, field?: string): File => ({ _tag: "File", path, field })

/**
 * What a connection string says of TLS, in ADO's keywords: `Encrypt` (true, mandatory, strict, false, optional),
 * `TrustServerCertificate`, `TrustServerCertificateCA` (a file), `HostNameInCertificate`, `SSL Mode`. `undefined` where it says nothing; a
 * value that is none is a ConfigError that names the keyword.
 *
 * @example
 * ```ts
 * import { ConnectionString, Tls } from "@sluice/core"
 * import { Either } from "effect"
 *
 * Either.flatMap(ConnectionString.parse("Server=db;Encrypt=true;TrustServerCertificate=true"), Tls.fromConnectionString)
 * // Right({ mode: "require" })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromConnectionString = (record: ConnectionString): Checked<Tls | undefined> =>
  Either.map(ofAdo(record.options), (said) => {
    if (said === undefined) return undefined
    const { ca, ...rest } = said
    return ca === undefined ? rest : { ...rest, ca: file(ca, "keyword TrustServerCertificateCA") }
  })

/**
 * Checks a record, reads its files, and makes what a driver connects with; `undefined` where there is to be no TLS.
 *
 * @example
 * ```ts
 * import { Tls } from "@sluice/core"
 * import * as crypto from "node:crypto"
 * import * as fs from "node:fs/promises"
 * import * as tls from "node:tls"
 *
 * const secured = Tls.resolve({ ca: Tls.file("ca.pem") }, { crypto, fs, tls })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const resolve = <C, P extends ServerCertificate>(
  tls: boolean | Tls,
  platform: Platform<C, P>
): Effect.Effect<Secured<C, P> | undefined, SqlError.SqlError<Reason.ConfigError>> =>
  Effect.gen(function*() {
    const given: Tls = tls === true ? {} : tls === false ? { mode: "disable" } : tls
    const mode = yield* modeOf(given)
    if (mode === "disable") return undefined
    const isSystem = given.ca === "system"
    const ca = isSystem ? undefined : yield* Pem.certificates("tls.ca", given.ca, platform)
    const crl = yield* Pem.lists("tls.crl", given.crl, platform)
    const cert = yield* Pem.certificates("tls.cert", given.cert, platform)
    const key = yield* Pem.privateKey("tls.key", given.key, given.passphrase, platform)
    const secureContext = yield* contextOf(given, { ca, crl, cert, key, isSystem }, platform)
    return {
      mode,
      options: {
        secureContext,
        rejectUnauthorized: mode === "verify-ca" || mode === "verify-full",
        ...yield* checkOf(given, mode, platform)
      }
    }
  })
