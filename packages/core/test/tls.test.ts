/**
 * TLS in a connection string: what ADO's keywords come to. What a record is refused for is asked where certificates are made, in the testkit.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as ConnectionString from "../src/ConnectionString.js"
import * as Tls from "../src/Tls.js"

describe("C1 TLS in a connection string", () => {
  const said = (text: string) => Either.flatMap(ConnectionString.parse(text, { form: "ado" }), Tls.fromConnectionString)

  it("means what ADO's keywords mean", () => {
    const cases: ReadonlyArray<readonly [text: string, tls: Tls.Tls | undefined]> = [
      ["Server=db;Database=x", undefined],
      ["Server=db;Encrypt=true", { mode: "verify-full" }],
      ["Server=db;encrypt=Mandatory;TrustServerCertificate=no", { mode: "verify-full" }],
      ["Server=db;Encrypt=true;Trust_Server_Certificate=true", { mode: "require" }],
      ["Server=db;TrustServerCertificate=true", { mode: "require" }],
      ["Server=db;Encrypt=False;TrustServerCertificate=true", { mode: "disable" }],
      ["Server=db;Encrypt=optional", { mode: "disable" }],
      ["Server=db;Encrypt=strict;HostNameInCertificate=sql.example.com", { mode: "verify-full", servername: "sql.example.com" }],
      ["Server=db;Encrypt=true;TrustServerCertificateCA=/etc/ca.pem", { mode: "verify-full", ca: Tls.file("/etc/ca.pem", "keyword TrustServerCertificateCA") }],
      ["Server=db;SSL Mode=VerifyFull", { mode: "verify-full" }],
      ["Server=db;SslMode=Verify_CA", { mode: "verify-ca" }],
      ["Server=db;SSL Mode=None", { mode: "disable" }],
      ["Server=db;SSL Mode=Preferred", { mode: "prefer" }]
    ]
    for (const [text, tls] of cases) assert.deepStrictEqual(Either.getOrThrow(said(text)), tls, text)
  })

  it("is refused by the keyword's name where it has no meaning, or two", () => {
    const cases = [
      ["Server=db;Encrypt=perhaps", "keyword Encrypt"], ["Server=db;TrustServerCertificate=2", "keyword TrustServerCertificate"],
      ["Server=db;TrustServerCertificate=true;TrustServerCertificateCA=/etc/ca.pem", "keyword TrustServerCertificate"],
      ["Server=db;Encrypt=strict;TrustServerCertificate=true", "keyword TrustServerCertificate"], ["Server=db;SSL Mode=sure", "keyword SSL Mode"],
      ["Server=db;SSL Mode=Required;Encrypt=false", "keyword SSL Mode"]
    ] as const
    for (const [text, field] of cases) {
      const result = said(text)
      assert.strictEqual(Either.isLeft(result) ? result.left.reason.field : "nothing", field, text)
    }
  })
})
