/**
 * Certificates for a test: an authority, servers and clients that it vouches for, made by openssl in a temporary folder.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { execFileSync } from "node:child_process"
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export interface Certificate {
  readonly cert: string
  readonly key: string
  /** Where both are. */
  readonly files: { readonly cert: string; readonly key: string }
}

export interface Authority {
  readonly ca: string
  readonly file: string
  readonly folder: string
  /** A certificate with these alternative names (`DNS:localhost`, `IP:127.0.0.1`). */
  readonly issue: (name: string, names: string) => Certificate
  /** One that vouches for itself, with a key of this algorithm. */
  readonly alone: (name: string, names: string, algorithm: string) => Certificate
}

/** An authority whose folder goes with its scope. */
export const authority: Effect.Effect<Authority, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(Effect.sync(() => mkdtempSync(join(tmpdir(), "sluice-certificates-"))), (folder) =>
    Effect.sync(() => rmSync(folder, { recursive: true, force: true }))),
  (folder) => {
    // The server may run as another user.
    chmodSync(folder, 0o755)
    const at = (file: string): string => join(folder, file)
    const openssl = (...args: ReadonlyArray<string>): void => void execFileSync("openssl", args, { stdio: "ignore" })
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Sluice tests", "-keyout", at("ca.key"), "-out", at("ca.pem"))
    const issue = (name: string, names: string): Certificate => {
      const files = { cert: at(`${name}.pem`), key: at(`${name}.key`) }
      writeFileSync(at(`${name}.ext`), `subjectAltName=${names}\n`)
      openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${name}`, "-keyout", files.key, "-out", at(`${name}.csr`))
      openssl("x509", "-req", "-days", "2", "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-in", at(`${name}.csr`), "-extfile", at(`${name}.ext`), "-out", files.cert)
      chmodSync(files.key, 0o644)
      return { cert: readFileSync(files.cert, "utf8"), key: readFileSync(files.key, "utf8"), files }
    }
    const alone = (name: string, names: string, algorithm: string): Certificate => {
      const files = { cert: at(`${name}.pem`), key: at(`${name}.key`) }
      openssl("req", "-x509", "-newkey", algorithm, "-nodes", "-days", "2", "-subj", `/CN=${name}`, "-addext", `subjectAltName=${names}`, "-keyout", files.key, "-out", files.cert)
      return { cert: readFileSync(files.cert, "utf8"), key: readFileSync(files.key, "utf8"), files }
    }
    return { ca: readFileSync(at("ca.pem"), "utf8"), file: at("ca.pem"), folder, issue, alone }
  }
)

/** Puts a certificate in the place of another one. */
export const replace = (one: Certificate["files"], other: Certificate["files"]): void => {
  copyFileSync(other.cert, one.cert)
  copyFileSync(other.key, one.key)
}
