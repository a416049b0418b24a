/**
 * Cases of C1: whom a mode of TLS checks, who is refused, and what the refusal says; and what the doctor says of it (C2).
 */
import { assert } from "@effect/vitest"
import * as Doctor from "@sluice/core/Doctor"
import * as Tls from "@sluice/core/Tls"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Case } from "../Case.js"
import * as Certificates from "../Certificates.js"
import { failure, fails } from "../internal/asking.js"
import type { Bench } from "../Secured.js"

/** A refusal that stays what it is, by its code, after which nothing was done. It comes soon: nobody tries again. */
const refused = <A, E, R>(effect: Effect.Effect<A, E, R>, ...codes: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const start = Date.now()
    const error = yield* failure(effect)
    const { _tag, code, message } = error.reason
    assert.deepStrictEqual([_tag, error.isRetryable, error.connection, error.outcome], ["ConnectionError", false, "broken", "not-applied"], message)
    if (codes.length > 0) assert.include(codes, code, message)
    assert.isBelow(Date.now() - start, 4_000)
    return message
  })

const pem = (text: string): Uint8Array => Buffer.from(text.replace(/-----[^-]+-----/g, ""), "base64")

const all: ReadonlyArray<Case<Bench>> = [
  {
    law: "C1",
    title: "a certificate and its name are checked unless the mode says otherwise, by a text or a file in PEM or DER",
    run: ({ authority: { ca, file, folder }, seen, server }) => Effect.gen(function*() {
      const der = join(folder, "ca.der")
      writeFileSync(der, pem(ca))
      for (const one of [ca, Tls.file(file), Tls.file(der)]) assert.strictEqual(yield* seen(server, { ca: one }), "tls")
      assert.strictEqual(yield* seen(server, false), "plain")
      assert.strictEqual(yield* seen(server, { ca, mode: "disable" }), "plain")
      for (const mode of ["prefer", "require", "verify-ca", "verify-full"] as const) assert.strictEqual(yield* seen(server, { ca, mode }), "tls", mode)
    })
  },
  {
    law: "C1",
    title: "a certificate for another name is refused by verify-full alone; servername is the name where it is not the host",
    run: ({ authority: { ca }, seen, server }) => Effect.gen(function*() {
      const address = { host: "127.0.0.1" }
      yield* refused(seen(server, { ca }, address), "ERR_TLS_CERT_ALTNAME_INVALID")
      yield* refused(seen(server, { ca, servername: "db.invalid" }), "ERR_TLS_CERT_ALTNAME_INVALID")
      assert.strictEqual(yield* seen(server, { ca, mode: "verify-ca" }, address), "tls")
      assert.strictEqual(yield* seen(server, { ca, servername: "localhost" }, address), "tls")
    })
  },
  {
    law: "C1",
    title: "an authority that is not trusted is refused where anybody is checked, and a require with an authority checks",
    run: ({ seen, server }) => Effect.gen(function*() {
      const { ca } = yield* Certificates.authority
      const codes = ["SELF_SIGNED_CERT_IN_CHAIN", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "CERT_SIGNATURE_FAILURE"]
      yield* refused(seen(server, true), ...codes)
      yield* refused(seen(server, { ca: "system" }), ...codes)
      for (const mode of ["require", "verify-ca", "verify-full"] as const) yield* refused(seen(server, { ca, mode }), ...codes)
      for (const tls of [{ mode: "require" }, { trustServerCertificate: true }, { mode: "prefer" }, { mode: "prefer", ca }] as const) assert.strictEqual(yield* seen(server, tls), "tls")
    })
  },
  {
    law: "C1",
    title: "a certificate that has expired is refused",
    run: ({ authority: { ca }, expired, seen }) => Effect.gen(function*() {
      for (const mode of ["verify-ca", "verify-full"] as const) yield* refused(seen(expired, { ca, mode }), "CERT_HAS_EXPIRED")
      assert.strictEqual(yield* seen(expired, { mode: "require" }), "tls")
    })
  },
  {
    law: "C1",
    title: "a certificate that is on the authority's list of revoked ones is refused, and one that is not on it is not",
    run: ({ authority: { ca, revocations, revoke }, seen, server }) => Effect.gen(function*() {
      assert.strictEqual(yield* seen(server, { ca, crl: revocations().crl }), "tls")
      revoke(server.certificate)
      const { crl, file } = revocations()
      for (const one of [crl, Tls.file(file)]) yield* refused(seen(server, { ca, crl: one, mode: "verify-ca" }), "CERT_REVOKED")
      assert.strictEqual(yield* seen(server, { ca }), "tls", "without a list nobody is asked")
    })
  },
  {
    law: "C1",
    title: "a client's certificate lets in who must show one, its key under a passphrase too; a wrong passphrase is a ConfigError",
    run: ({ authority: { ca, issue, lock }, seen, server }) => Effect.gen(function*() {
      const user = { user: "certified" } as const
      const client = issue("certified", "DNS:certified")
      const locked = lock(client, "s3cr3t")
      yield* fails(seen(server, { ca }, user), "AuthenticationError")
      const { cert } = client
      assert.strictEqual(yield* seen(server, { ca, cert, key: Redacted.make(client.key) }, user), "tls")
      assert.strictEqual(yield* seen(server, { ca, cert: Tls.file(client.files.cert), key: Tls.file(locked.file), passphrase: Redacted.make("s3cr3t") }, user), "tls")
      for (const passphrase of [Redacted.make("another s3cr3t"), undefined]) {
        const reason = yield* fails(seen(server, { ca, cert, key: Redacted.make(locked.key), passphrase }, user), "ConfigError")
        assert.strictEqual(reason.field, "tls.passphrase")
        assert.notMatch(JSON.stringify(reason), /s3cr3t|BEGIN/)
      }
    })
  },
  {
    law: "C1",
    title: "checkServerIdentity is asked besides everything else: it sees the certificate, may refuse it, and its throw is no defect",
    run: ({ authority: { ca }, seen, server }) => Effect.gen(function*() {
      const hosts: Array<string> = []
      let fingerprint = ""
      const pinned = (known: () => string) => (host: string, certificate: Tls.ServerCertificate) => {
        hosts.push(host)
        fingerprint = certificate.fingerprint256
        return fingerprint === known() ? undefined : new Error("another fingerprint than the one that is known")
      }
      assert.include(yield* refused(seen(server, { ca, checkServerIdentity: pinned(() => "") }), "ERR_TLS_IDENTITY_REFUSED"), "another fingerprint")
      assert.match(fingerprint, /^([0-9A-F]{2}:){31}/)
      assert.strictEqual(yield* seen(server, { ca, checkServerIdentity: pinned(() => fingerprint) }), "tls")
      assert.strictEqual(yield* seen(server, { ca, mode: "verify-ca", checkServerIdentity: pinned(() => fingerprint) }, { host: "127.0.0.1" }), "tls")
      assert.deepStrictEqual([...new Set(hosts)], ["localhost", "127.0.0.1"])
      yield* refused(seen(server, { ca, checkServerIdentity: () => undefined }, { host: "127.0.0.1" }), "ERR_TLS_CERT_ALTNAME_INVALID")
      const broken = (): never => {
        throw new TypeError("a mistake")
      }
      assert.include(yield* refused(seen(server, { ca, checkServerIdentity: broken }), "ERR_TLS_IDENTITY_REFUSED"), "a mistake")
    })
  },
  {
    law: "C1",
    title: "a server with which no cipher is in common is refused, and so is one that has not the version",
    run: ({ authority: { ca }, seen, server }) => Effect.gen(function*() {
      // The server's certificate is RSA's.
      const message = yield* refused(seen(server, { ca, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256", maxVersion: "TLSv1.2" }))
      assert.match(message, /handshake/i)
      assert.strictEqual(yield* seen(server, { ca, ciphers: "ECDHE-RSA-AES128-GCM-SHA256", maxVersion: "TLSv1.2" }), "tls")
      yield* refused(seen(server, { ca, ciphers: "DEFAULT@SECLEVEL=0", minVersion: "TLSv1", maxVersion: "TLSv1" }))
    })
  },
  {
    law: "C1",
    title: "a server without TLS is not spoken to where TLS is required, and prefer goes on without",
    run: ({ authority: { ca }, plain, seen }) => Effect.gen(function*() {
      for (const mode of ["require", "verify-ca", "verify-full"] as const) yield* refused(seen(plain, { ca, mode }))
      for (const mode of ["disable", "prefer"] as const) assert.strictEqual(yield* seen(plain, { mode }), "plain", mode)
    })
  },
  {
    law: "C2",
    title: "the doctor tells what TLS has agreed on, or why it did not come about; what comes after is skipped",
    run: ({ authority: { ca, file }, examined, expired, plain, server }) => Effect.gen(function*() {
      const well = yield* examined(server, { ca })
      assert.match(well.steps.find(({ name }) => name === "TLS")?.detail ?? "", /^TLSv1\.\d [A-Z]/, Doctor.render(well))
      assert.match(well.steps.find(({ name }) => name === "DNS")?.detail ?? "", /^localhost is .*127\.0\.0\.1/)
      assert.notInclude(well.steps.map(({ status }) => status), "failed")
      const sick: ReadonlyArray<readonly [hint: string, Effect.Effect<Doctor.Report>]> = [
        ["`tls.servername`", examined(server, { ca }, { host: "127.0.0.1" })],
        ["`tls.ca` must hold", examined(server, true)],
        ["has expired", examined(expired, { ca })],
        ["offers no TLS", examined(plain, { ca })],
        ["`tls.ciphers`", examined(server, { ca, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256", maxVersion: "TLSv1.2" })]
      ]
      for (const [hint, examination] of sick) {
        const report = yield* examination
        const at = report.steps.findIndex(({ status }) => status === "failed")
        assert.strictEqual(report.steps[at]?.name, "TLS", Doctor.render(report))
        assert.include(report.steps[at]?.hint, hint)
        assert.deepStrictEqual([...new Set(report.steps.slice(at + 1).map(({ status }) => status))], ["skipped"])
      }
      // Without TLS nobody asks for it; with it and without a server's it is passed over.
      for (const tls of [false, { mode: "prefer", ca: Tls.file(file) }] as const) {
        const report = yield* examined(plain, tls)
        assert.strictEqual(report.steps.find(({ name }) => name === "TLS")?.status, "skipped")
        assert.notStrictEqual(report.status, "failed")
      }
    })
  }
]

/** Every one of them needs servers of its own. */
export const cases: ReadonlyArray<Case<Bench>> = all.map((one) => ({ ...one, needs: ["server"] }))
