/**
 * TLS: what a record comes to, and what it is refused for before anything is sent (law C1). Whom a server must convince is asked
 * of servers, in the dialects' suites, and connection strings in core's own tests.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Tls from "@sluice/core/Tls"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as crypto from "node:crypto"
import * as fs from "node:fs/promises"
import { join } from "node:path"
import * as tls from "node:tls"
import { inspect } from "node:util"
import { authority } from "../src/Certificates.js"

const resolve = (given: boolean | Tls.Tls) => Tls.resolve(given, { crypto, fs, tls })

/** The field that a record is refused for; the refusal shows neither a key nor a passphrase. */
const field = (given: Tls.Tls) =>
  Effect.map(Effect.flip(resolve(given)), (error) => {
    assert.notMatch(inspect(error, { depth: null }) + JSON.stringify(error), /BEGIN|s3cr3t/)
    assert.include(error.message, error.reason.field)
    return error.reason.field
  })

describe("C1 a record of TLS", () => {
  it.effect("is verify-full by default, and nothing where there is to be none", () =>
    Effect.gen(function*() {
      for (const given of [true, {}, { trustServerCertificate: false }]) {
        const secured = yield* resolve(given)
        assert.deepStrictEqual([secured?.mode, secured?.options.rejectUnauthorized], ["verify-full", true])
      }
      for (const given of [false, { mode: "disable" }, { mode: "disable", trustServerCertificate: true }] as const) assert.isUndefined(yield* resolve(given))
      assert.strictEqual((yield* resolve({ trustServerCertificate: true }))?.mode, "require")
      assert.isFalse((yield* resolve({ mode: "prefer" }))?.options.rejectUnauthorized)
    }))

  it.scoped("names what it is refused for: what contradicts itself, is no certificate, or cannot be read", () =>
    Effect.gen(function*() {
      const { ca, folder, issue, lock, revocations } = yield* authority
      const [one, two] = [issue("one", "DNS:one"), issue("two", "DNS:two")]
      const key = Redacted.make(one.key)
      const locked = Redacted.make(lock(one, "s3cr3t").key)
      const none = () => undefined
      const cases: ReadonlyArray<readonly [field: string, given: Tls.Tls]> = [
        ["tls.mode", { mode: "VERIFY" as "require" }],
        ["tls.trustServerCertificate", { ca, trustServerCertificate: true }],
        ["tls.trustServerCertificate", { ca: Tls.file(join(folder, "none.pem")), trustServerCertificate: true }],
        ["tls.trustServerCertificate", { crl: revocations().crl, trustServerCertificate: true }],
        ["tls.trustServerCertificate", { checkServerIdentity: none, trustServerCertificate: true }],
        ["tls.trustServerCertificate", { mode: "verify-ca", trustServerCertificate: true }],
        ["tls.trustServerCertificate", { mode: "require", trustServerCertificate: false }],
        ["tls.checkServerIdentity", { mode: "require", checkServerIdentity: none }],
        ["tls.servername", { servername: "" }],
        ["tls.ca", { ca: join(folder, "ca.pem") }],
        ["tls.ca", { ca: Tls.file(join(folder, "none.pem")) }],
        ["tls.ca", { ca: Tls.file(folder) }],
        ["url.sslrootcert", { ca: Tls.file(join(folder, "none.pem"), "url.sslrootcert") }],
        ["tls.ca", { ca: Tls.file(one.files.key) }],
        ["tls.ca", { ca: `${ca}\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n` }],
        ["tls.crl", { crl: ca }],
        ["tls.crl", { crl: "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n" }],
        ["tls.crl", { crl: Tls.file(join(folder, "none.crl")) }],
        ["tls.cert", { key }],
        ["tls.key", { cert: one.cert }],
        ["tls.key", { cert: two.cert, key }],
        ["tls.key", { cert: one.cert, key: Redacted.make("s3cr3t") }],
        ["tls.key", { cert: one.cert, key: Tls.file(join(folder, "none.key")) }],
        ["tls.passphrase", { cert: one.cert, key: locked }],
        ["tls.passphrase", { cert: one.cert, key: locked, passphrase: Redacted.make("a wrong s3cr3t") }],
        ["tls.ciphers", { ciphers: "s3cr3t" }],
        ["tls.minVersion", { minVersion: "SSLv2" as "TLSv1" }]
      ]
      for (const [expected, given] of cases) assert.strictEqual(yield* field(given), expected, inspect(given))
      assert.isDefined(yield* resolve({ ca, crl: revocations().crl, cert: one.cert, key: locked, passphrase: Redacted.make("s3cr3t") }))
    }))
})
