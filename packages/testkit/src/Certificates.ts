/**
 * Certificates for tests of TLS: an authority, and the servers and clients that it vouches for, made by openssl in a temporary
 * folder.
 *
 * It starts no server. A failure of openssl is a defect: nothing under test has begun. Used by the dialects' tests.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { execFileSync } from "node:child_process"
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/**
 * Files of a certificate and its key.
 *
 * @example
 * ```ts
 * import type { Certificates } from "@sluice/testkit"
 *
 * const args = ({ cert, key }: Certificates.Files) => [`--ssl-cert=${cert}`, `--ssl-key=${key}`]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Files {
  /** The certificate's path. */
  readonly cert: string
  /** The key's path. Everybody may read it: a server may run as another user. */
  readonly key: string
}

/**
 * A certificate and its key, in PEM.
 *
 * @example
 * ```ts
 * import type { Certificates } from "@sluice/testkit"
 * import { Redacted } from "effect"
 *
 * const tls = ({ cert, key }: Certificates.Certificate) => ({ cert, key: Redacted.make(key) })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Certificate {
  /** The certificate. */
  readonly cert: string
  /** Its key. */
  readonly key: string
  /** Where both are. */
  readonly files: Files
}

/**
 * An authority.
 *
 * @example
 * ```ts
 * import { Certificates } from "@sluice/testkit"
 * import { Effect } from "effect"
 *
 * const revoked = Effect.map(Certificates.authority, (authority) => {
 *   const server = authority.issue("server", "DNS:localhost")
 *   authority.revoke(server)
 *   return authority.revocations()
 * })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Authority {
  /** Its own certificate, in PEM. */
  readonly ca: string
  /** Where that is. */
  readonly file: string
  /** Where everything is, until the scope closes. */
  readonly folder: string
  /** A certificate for alternative names (`DNS:localhost,IP:127.0.0.1`); it holds for two days, or held for one that is long over. */
  readonly issue: (name: string, names: string, when?: "now" | "expired") => Certificate
  /** One that vouches for itself, with a key of this algorithm. */
  readonly alone: (name: string, names: string, algorithm: string) => Certificate
  /** The same key under a passphrase, in PEM; its file is beside the others and its owner's alone. */
  readonly lock: (certificate: Certificate, passphrase: string) => { readonly key: string; readonly file: string }
  /** Takes a certificate back. */
  readonly revoke: (certificate: Certificate) => void
  /** The list of what was taken back until now, in PEM, and its file. */
  readonly revocations: () => { readonly crl: string; readonly file: string }
}

/**
 * An authority whose folder goes with its scope.
 *
 * @example
 * ```ts
 * import { Certificates } from "@sluice/testkit"
 * import { Effect } from "effect"
 *
 * const server = Effect.map(Certificates.authority, ({ issue }) => issue("server", "DNS:localhost,IP:127.0.0.1"))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const authority: Effect.Effect<Authority, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(Effect.sync(() => mkdtempSync(join(tmpdir(), "sluice-certificates-"))), (folder) =>
    Effect.sync(() => rmSync(folder, { recursive: true, force: true }))),
  (folder) => {
    chmodSync(folder, 0o755)
    const at = (file: string): string => join(folder, file)
    const openssl = (...args: ReadonlyArray<string>): void => void execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"], cwd: folder })
    const made = (files: Files): Certificate => ({ cert: readFileSync(files.cert, "utf8"), key: readFileSync(files.key, "utf8"), files })
    writeFileSync(at("index.txt"), "")
    writeFileSync(at("ca.cnf"), config)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Sluice tests", "-keyout", "ca.key", "-out", "ca.pem")
    const signed = ["ca", "-config", "ca.cnf", "-batch", "-notext", "-keyfile", "ca.key", "-cert", "ca.pem"]
    return {
      ca: readFileSync(at("ca.pem"), "utf8"),
      file: at("ca.pem"),
      folder,
      issue: (name, names, when = "now") => {
        const files = { cert: at(`${name}.pem`), key: at(`${name}.key`) }
        writeFileSync(at(`${name}.ext`), `subjectAltName=${names}\n`)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${name}`, "-keyout", files.key, "-out", `${name}.csr`)
        const days = when === "now" ? ["-days", "2"] : ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"]
        openssl(...signed, ...days, "-in", `${name}.csr`, "-extfile", `${name}.ext`, "-out", files.cert)
        chmodSync(files.key, 0o644)
        return made(files)
      },
      alone: (name, names, algorithm) => {
        const files = { cert: at(`${name}.pem`), key: at(`${name}.key`) }
        openssl("req", "-x509", "-newkey", algorithm, "-nodes", "-days", "2", "-subj", `/CN=${name}`, "-addext", `subjectAltName=${names}`, "-keyout", files.key, "-out", files.cert)
        return made(files)
      },
      lock: ({ files }, passphrase) => {
        const file = `${files.key}.locked`
        openssl("rsa", "-aes256", "-passout", `pass:${passphrase}`, "-in", files.key, "-out", file)
        chmodSync(file, 0o600)
        return { key: readFileSync(file, "utf8"), file }
      },
      revoke: ({ files }) => openssl("ca", "-config", "ca.cnf", "-revoke", files.cert, "-keyfile", "ca.key", "-cert", "ca.pem"),
      revocations: () => {
        openssl("ca", "-config", "ca.cnf", "-gencrl", "-keyfile", "ca.key", "-cert", "ca.pem", "-out", "revoked.crl")
        return { crl: readFileSync(at("revoked.crl"), "utf8"), file: at("revoked.crl") }
      }
    }
  }
)

// Several certificates may be for one name.
const config = `[ca]
default_ca = it
[it]
database = index.txt
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
default_crl_days = 2
policy = any
[any]
commonName = supplied
`

/**
 * Puts a certificate and its key in the place of other ones.
 *
 * @example
 * ```ts
 * import { Certificates } from "@sluice/testkit"
 *
 * const renew = (before: Certificates.Certificate, after: Certificates.Certificate) => Certificates.replace(before.files, after.files)
 * ```
 *
 * @category files
 * @since 0.1.0
 */
export const replace = (one: Files, other: Files): void => {
  copyFileSync(other.cert, one.cert)
  copyFileSync(other.key, one.key)
}
