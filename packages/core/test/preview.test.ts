/**
 * Previews: masks in the place of parameters, by each dialect's own placeholders.
 */
import { assert, describe, it } from "@effect/vitest"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as fc from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import type { Dialect } from "../src/Dialect.js"
import * as Sql from "../src/Sql.js"
import * as SqlScript from "../src/SqlScript.js"
import { dialect, FakeServer } from "./fake.js"

const dollars = dialect
const questions: Dialect = { ...dialect, placeholder: () => "?", lexicon: { ...SqlScript.ansi, backslashEscapes: true, backticks: true, hashComments: true } }
const atSigns: Dialect = { ...dialect, placeholder: (index) => `@P${index}`, lexicon: { ...SqlScript.ansi, brackets: true } }

const preview = (sql: string, params: ReadonlyArray<unknown>, of: Dialect = dollars) => Sql.preview({ sql, params }, of)

describe("E4 a preview of a statement", () => {
  it("tells each parameter's type and size", () => {
    const params = [
      "hello, world", 42, 0.5, 2n ** 70n, true, null, undefined, new Uint8Array(3), new Date(0), [1, 2], { a: 1 }, BigDecimal.fromBigInt(1n),
      Redacted.make("secret"), Symbol("s")
    ]
    assert.strictEqual(
      preview(params.map((_, i) => `$${i + 1}`).join(" "), params),
      "<text 12> <int> <float> <int> <boolean> NULL NULL <bytes 3> <date> <array 2> <object> <decimal> <redacted> <symbol>"
    )
  })

  it("leaves what stands in quotes, in names and in comments as it is", () => {
    assert.strictEqual(
      preview("SELECT '$1', \"$1\", $1 -- $1\n/* $1 /* $2 */ */ + $2 $tag$ $1 $tag$ a$1", [1, "b"]),
      "SELECT '$1', \"$1\", <int> -- $1\n/* $1 /* $2 */ */ + <text 1> $tag$ $1 $tag$ a$1"
    )
    assert.strictEqual(
      preview("SELECT '\\'?', `?`, ? # ?\n, ? -- ?\n", [1, "b"], questions),
      "SELECT '\\'?', `?`, <int> # ?\n, <text 1> -- ?\n"
    )
    assert.strictEqual(preview("SELECT [@P1], '@P1', @P1, @P12, @P2", [1, "b"], atSigns), "SELECT [@P1], '@P1', <int>, @P12, <text 1>")
  })

  it("takes numbered placeholders by their numbers, and question marks in their order", () => {
    assert.strictEqual(preview("$2 $1 $2 $10", ["a", 1]), "<int> <text 1> <int> $10")
    assert.strictEqual(preview("? ?2 ?1 ?", ["a", 1, true], questions), "<text 1> <int> <text 1> <boolean>")
    // An operator of PostgreSQL, and no placeholder of it.
    assert.strictEqual(preview("a ? $1 ::text", ["k"]), "a ? <text 1> ::text")
  })

  it.scoped("is that of a statement, whatever it is made of", () => Effect.gen(function*() {
    const db = yield* new FakeServer().database({ pool: { lazy: true } })
    assert.strictEqual(db`SELECT ${1} FROM ${db("a.b")} WHERE c IN ${db.in(["x", "yz"])}`.preview(), "SELECT <int> FROM \"a\".\"b\" WHERE c IN (<text 1>,<text 2>)")
    assert.strictEqual(db.unsafe("SELECT :a, ':a'", { a: "secret" }).preview(), "SELECT <text 6>, ':a'")
    assert.strictEqual(db`INSERT INTO t ${db.insert([])}`.preview(), "<ConfigError: insert was given no row>")
    assert.strictEqual(db`SELECT ${1}, ${"a"}`.preview({ mask: (value, position) => `${position}:${typeof value}` }), "SELECT 1:number, 2:string")
    const mask = (value: unknown) => String(value)
    assert.strictEqual(db`SELECT ${Redacted.make("secret")}, ${7}`.preview({ mask }), "SELECT <redacted>, 7")
  }))

  it("shows no value, whatever the text", () => {
    fc.assert(fc.property(fc.array(fc.constantFrom("$1", "$2", "'", "\"", "--", "\n", "/*", "*/", "$a$", " ", "x", ";"), { maxLength: 30 }), (parts) => {
      assert.notInclude(preview(parts.join(""), ["s3cret", "s3cret"]), "s3cret")
    }))
  })
})
