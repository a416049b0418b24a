/**
 * Files of rows: what is written comes out again, whatever it is and however the bytes are cut; and what is no file of rows is told by its line.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { BulkSink, Csv, FormatError, Ndjson, Parquet } from "@sluice/batcher"
import { Database } from "@sluice/core"
import { BigDecimal, Cause, Chunk, Effect, Exit, FastCheck as fc, Layer, Stream } from "effect"
import { ByteWriter, ParquetWriter } from "hyparquet-writer"
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fresh } from "./database.js"

const folder = mkdtempSync(join(tmpdir(), "sluice-formats-"))
let files = 0
const file = (): string => join(folder, `${++files}`)

const live = () => Layer.merge(fresh(), NodeFileSystem.layer)

const array = <A, E, R>(stream: Stream.Stream<A, E, R>) => Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)

/** Bytes, or those of a text, cut at every so many. */
const cut = (given: string | Uint8Array, size: number): Stream.Stream<Uint8Array> => {
  const bytes = typeof given === "string" ? new TextEncoder().encode(given) : given
  const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
  return Stream.rechunk(Stream.fromIterable(parts), 3)
}

const formatError = <A>(exit: Exit.Exit<A, unknown>): FormatError.FormatError => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(error, FormatError.FormatError)
  return error
}

/** What a stream gives until it fails, and how. */
const until = <A, R>(stream: Stream.Stream<A, FormatError.FormatError, R>) =>
  Effect.gen(function*() {
    const given: Array<A> = []
    const exit = yield* Effect.exit(Stream.runForEach(stream, (row) => Effect.sync(() => void given.push(row))))
    return { given, error: formatError(exit) }
  })

describe("CSV", () => {
  it.effect("quotes, delimiters, line ends, null and the empty text are told apart, however the bytes are cut", () => Effect.gen(function*() {
    const text = "\ufeffid,name,note\r\n1,\"a \"\"quoted\"\", b\",\"two\nlines\"\r\n2,,\"\"\r\n\r\n3,日本, x \r\n"
    const expected = [
      { id: "1", name: "a \"quoted\", b", note: "two\nlines" }, { id: "2", name: null, note: "" }, { id: "3", name: "日本", note: " x " }
    ]
    for (const size of [1, 2, 3, 7, 1_000]) assert.deepStrictEqual(yield* array(Csv.decode(cut(text, size))), expected)
    const semicolons = Csv.decode(Stream.make("1;\\N;x\n"), { delimiter: ";", columns: ["a", "b", "c"], null: "\\N" })
    assert.deepStrictEqual(yield* array(semicolons), [{ a: "1", b: null, c: "x" }])
  }))

  it.effect("what is written is read again, whatever texts it holds", () => Effect.gen(function*() {
    const cell = fc.oneof(fc.constant(null), fc.constant(""), fc.string({ unit: "grapheme" }), fc.constantFrom(",", "\"", "\n", "\r\n", " x", "\\N", "a,\"b\"\n"))
    const rows = fc.array(fc.record({ a: cell, b: cell, "c \"d\"": cell }), { minLength: 1, maxLength: 20 })
    for (const [i, given] of fc.sample(rows, { numRuns: 60, seed: 7 }).entries()) {
      const path = file()
      const options = { delimiter: i % 2 === 0 ? "," : ";", null: i % 3 === 0 ? "\\N" : "" }
      const written = yield* Stream.run(Stream.fromIterable(given), Csv.write(path, options))
      assert.deepStrictEqual(written, { rows: given.length, bytes: readFileSync(path).length })
      assert.deepStrictEqual(yield* array(Csv.read(path, options)), given)
    }
  }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("no row of one column is lost, for an empty line is a value there", () => Effect.gen(function*() {
    const rows = [{ a: "x" }, { a: null }, { a: "" }, { a: "y" }, { a: null }]
    for (const options of [{}, { null: "\\N" }]) {
      const path = file()
      yield* Stream.run(Stream.fromIterable(rows), Csv.write(path, options))
      assert.deepStrictEqual(yield* array(Csv.read(path, options)), rows)
    }
    assert.deepStrictEqual(yield* array(Csv.decode(Stream.make("\n\na,b\n\n1,2\n\n"))), [{ a: "1", b: "2" }])
  }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("lines may end in each way, in one file too", () => Effect.gen(function*() {
    for (const text of ["a,b\n1,2\r\n3,\"x\ry\"\n", "a,b\r\n1,2\n3,\"x\ry\"\r\n", "a,b\r1,2\r3,\"x\ry\"\r"]) {
      for (const size of [1, 2, 1_000]) assert.deepStrictEqual(yield* array(Csv.decode(cut(text, size))), [{ a: "1", b: "2" }, { a: "3", b: "x\ry" }])
    }
  }))

  it.effect("bytes that are no UTF-8 and two columns of one name are refused, where a value would be lost", () => Effect.gen(function*() {
    const bad = [...new TextEncoder().encode("a,b\n1,é\n3,x")]
    for (const bytes of [[...bad, 0xff, 10, 53, 44, 54, 10], [...bad, 0xe2, 0x82]]) {
      for (const size of [1, 3, 1_000]) {
        const { error, given } = yield* until(Csv.decode(cut(Uint8Array.from(bytes), size)))
        assert.deepStrictEqual([given, error.message], [[{ a: "1", b: "é" }], "line 3: bytes that are not UTF-8"])
      }
    }
    assert.include((yield* until(Csv.decode(Stream.make("a,b,a\n1,2,3\n")))).error.message, "line 1: two columns have one name")
    for (const delimiter of ["", "\"", "\n"]) {
      const path = file()
      assert.include((yield* until(Csv.decode(Stream.make("a,b\n"), { delimiter }))).error.message, "delimiter must be")
      assert.include(formatError(yield* Effect.exit(Stream.run(Stream.make({ a: 1 }), Csv.write(path, { delimiter })))).message, "delimiter must be")
    }
  }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("a line that is none is told by its number and quotes nothing; the rows before it were given", () => Effect.gen(function*() {
    for (const [text, line, words] of [
      ["a,b\n1,2\n3\nsecret,5\n", 3, "1 values, and 2 columns"],
      ["a,b\n1,2\n\"secret,3\n4,5\n", 4, "a quote that does not end"],
      ["a,b\n1,2\n3,\"x\"secret\n", 3, "text behind a quote"],
      ["a,b\n1,2\n3,x\"secret\"\n", 3, "a quote inside of a value"]
    ] as const) {
      const { error, given } = yield* until(Csv.decode(Stream.make(text)))
      assert.deepStrictEqual(given, [{ a: "1", b: "2" }])
      assert.include(error.message, words)
      assert.strictEqual(error.line, line)
      assert.notInclude(error.message, "secret")
    }
    const missing = formatError(yield* Effect.exit(array(Csv.read("/nowhere/x.csv"))))
    assert.include(missing.message, "/nowhere/x.csv cannot be read")
    assert.strictEqual(missing.path, "/nowhere/x.csv")
  }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("a failing stream leaves the file that was there, and nothing beside it", () => Effect.gen(function*() {
    const path = file()
    writeFileSync(path, "before")
    const failing = Stream.concat(Stream.make({ a: 1 }), Stream.fail("no"))
    assert.strictEqual(yield* Effect.flip(Stream.run(failing, Csv.write(path))), "no")
    assert.strictEqual(readFileSync(path, "utf8"), "before")
    assert.deepStrictEqual(readdirSync(folder).filter((name) => name.endsWith(".part")), [])
    yield* Stream.run(Stream.empty, Csv.write(path, { columns: ["a", "b"] }))
    assert.strictEqual(readFileSync(path, "utf8"), "a,b\n")
  }).pipe(Effect.provide(NodeFileSystem.layer)))
})

describe("NDJSON", () => {
  it.effect("numbers come out digit by digit, however the bytes are cut", () => Effect.gen(function*() {
    const text = `{"id":9007199254740993,"n":-0.5,"long":0.12345678901234567890}\n\n{"名":"日本 \\n","list":[1,9007199254740993],"x":null}`
    const expected = [{ id: 9007199254740993n, n: -0.5, long: "0.12345678901234567890" }, { 名: "日本 \n", list: [1, 9007199254740993n], x: null }]
    for (const size of [1, 2, 5, 1_000]) assert.deepStrictEqual((yield* array(Ndjson.decode(cut(text, size)))).map((row) => ({ ...row })), expected)
  }))

  it.effect("what is written is read again", () => Effect.gen(function*() {
    const path = file()
    const rows = [{ id: 9007199254740993n, at: new Date(0), price: BigDecimal.unsafeFromString("0.10000000000000000001"), bytes: new Uint8Array([0, 255]), nested: { n: [1n] } }]
    assert.strictEqual((yield* Stream.run(Stream.fromIterable(rows), Ndjson.write(path))).rows, 1)
    assert.deepStrictEqual((yield* array(Ndjson.read(path))).map((row) => JSON.parse(JSON.stringify(row, (_, value: unknown) => typeof value === "bigint" ? `${value}n` : value)) as unknown), [
      { id: "9007199254740993n", at: "1970-01-01T00:00:00.000Z", price: "0.10000000000000000001", bytes: "AP8=", nested: { n: [1] } }
    ])
  }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("a line that is none is told by its number; the rows before it were given", () => Effect.gen(function*() {
    for (const [text, words] of [
      ["{\"a\":1}\n{\"secret\n{\"a\":3}\n", "line 2: it is no JSON"],
      ["{\"a\":1}\n[\"secret\"]\n", "line 2: it is no JSON object"],
      ["{\"a\":1}\n{\"secret\":1234567890123456789,}\n", "line 2: it is no JSON"]
    ] as const) {
      const { error, given } = yield* until(Ndjson.decode(Stream.make(text)))
      assert.deepStrictEqual(given, [{ a: 1 }])
      assert.include(error.message, words)
      assert.notInclude(error.message, "secret")
    }
    const good = [...new TextEncoder().encode(`{"a":1}\n`)]
    for (const bytes of [[...good, 0x7b, 0xff, 0x7d, 10, ...good], [...good, 0x7b, 0x7d, 0xe2]]) {
      for (const size of [1, 3, 1_000]) {
        const { error, given } = yield* until(Ndjson.decode(cut(Uint8Array.from(bytes), size)))
        assert.deepStrictEqual([given, error.message], [[{ a: 1 }], "line 2: bytes that are not UTF-8"])
      }
    }
  }))

  it.effect("a long line is read once, in however many pieces it comes", () => Effect.gen(function*() {
    const long = "x".repeat(20_000_000)
    const since = performance.now()
    const rows = yield* array(Ndjson.decode(cut(`{"a":"${long}"}\n{"a":2}`, 1_000)))
    assert.deepStrictEqual(rows.map(({ a }) => typeof a === "string" ? a.length : a), [20_000_000, 2])
    // Looked through from its beginning with each piece it took a minute.
    assert.isBelow(performance.now() - since, 15_000)
  }))
})

describe("CSV and NDJSON", () => {
  it.effect("what stands inside of a value is written as it is outside; what there is no word for is refused, and no file is there", () => Effect.gen(function*() {
    const itself: Array<unknown> = []
    itself.push(itself)
    for (const n of [1, 2n ** 60n]) {
      const inner = { bytes: new Uint8Array([1, 255]), price: BigDecimal.unsafeFromString("1.50"), at: new Date(0), list: [n, [BigDecimal.unsafeFromString("0.1")]] }
      const text = `{"bytes":"Af8=","price":"1.50","at":"1970-01-01T00:00:00.000Z","list":[${n},["0.1"]]}`
      for (const [format, expected] of [[Ndjson, `{"a":${text}}\n`], [Csv, `a\n"${text.replaceAll("\"", "\"\"")}"\n`]] as const) {
        const path = file()
        yield* Stream.run(Stream.make({ a: inner }), format.write(path))
        assert.strictEqual(readFileSync(path, "utf8"), expected)
      }
    }
    for (const format of [Ndjson, Csv]) {
      for (const value of [new Date(Number.NaN), itself]) {
        const path = file()
        assert.include(formatError(yield* Effect.exit(Stream.run(Stream.make({ a: 1 }, { a: value }), format.write(path)))).message, "has no word for")
        assert.isFalse(existsSync(path))
      }
    }
  }).pipe(Effect.provide(NodeFileSystem.layer)))
})

describe("Parquet", () => {
  const columns = {
    id: "bigint", small: "integer", ok: "boolean", ratio: "double", name: "text", bytes: "bytes", at: "timestamp", day: "date", data: "json",
    key: "uuid", price: { decimal: [38, 10] }
  } as const
  const row = {
    id: -9007199254740993n, small: -5, ok: true, ratio: 0.1, name: "日本 \0", bytes: new Uint8Array([0, 255]), at: new Date(1_700_000_000_123),
    day: new Date(86_400_000), data: { a: [1] }, key: "6b1a3c2e-1111-4222-8333-444455556666", price: "-1234567890123456789012345678.0123456789"
  }
  const empty = Object.fromEntries(Object.keys(columns).map((name) => [name, null]))

  it.effect("every kind of value and null come out as they went in, over several row groups", () => Effect.gen(function*() {
    const path = file()
    const rows = Array.from({ length: 1_000 }, (_, i) => i % 3 === 2 ? empty : { ...row, id: BigInt(i), price: `${i}.5` })
    const written = yield* Stream.run(Stream.rechunk(Stream.fromIterable([row, ...rows]), 130), Parquet.write(path, { columns, rowGroupSize: 200 }))
    assert.deepStrictEqual(written, { rows: 1_001, bytes: readFileSync(path).length })
    const read = yield* array(Parquet.read(path))
    const expected = [row, ...rows].map((each) => ({ ...each, price: each["price"] === null ? null : BigDecimal.format(BigDecimal.scale(BigDecimal.unsafeFromString(String(each["price"])), 10)) }))
    assert.strictEqual(read.length, expected.length)
    for (const [i, each] of read.entries()) {
      const known = Object.fromEntries(Object.entries(each).map(([name, value]) => [name, value ?? null]))
      assert.deepStrictEqual({ ...known, price: known["price"] === null ? null : decimal(known["price"]) }, { ...expected[i], price: expected[i]!.price === null ? null : decimal(expected[i]!.price) })
    }
    assert.deepStrictEqual(Object.keys((yield* array(Parquet.read(path, { columns: ["name", "id"] })))[0]!).toSorted(), ["id", "name"])
  }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("no digit of a decimal is lost; an instant with microseconds is refused as a Date, and read as a text", () => Effect.gen(function*() {
    const path = file()
    const decimals = [BigDecimal.unsafeFromString("1e-20"), 1e-7, 12n, BigDecimal.make(5n, -3), "-0.10"]
    yield* Stream.run(Stream.fromIterable(decimals.map((a) => ({ a }))), Parquet.write(path, { columns: { a: { decimal: [38, 20] } } }))
    assert.deepStrictEqual((yield* array(Parquet.read(path))).map(({ a }) => a), [
      "0.00000000000000000001", "0.00000010000000000000", "12.00000000000000000000", "5000.00000000000000000000", "-0.10000000000000000000"
    ])
    yield* Stream.run(Stream.make({ at: "2026-11-21 10:20:30.123456" }, { at: "1969-12-31T23:59:59.999999Z" }), Parquet.write(path, { columns: { at: "timestamp" } }))
    assert.deepStrictEqual(yield* array(Parquet.read(path, { instants: "string" })), [{ at: "2026-11-21T10:20:30.123456Z" }, { at: "1969-12-31T23:59:59.999999Z" }])
    assert.include(formatError(yield* Effect.exit(array(Parquet.read(path)))).message, "a Date would lose")
  }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("the ends of the whole numbers, numbers in JSON and offsets without minutes come out as they went in", () => Effect.gen(function*() {
    const path = file()
    const columns = { small: "integer", big: "bigint", data: "json", at: "timestamp" } as const
    yield* Stream.run(Stream.make(
      { small: -(2 ** 31), big: -(2n ** 63n), data: { n: [2n ** 60n + 1n, -1, 0.5], none: null, bytes: new Uint8Array([0, 255]) }, at: "2026-11-21 10:20:30+02" },
      { small: 2 ** 31 - 1, big: 2n ** 63n - 1n, data: "text", at: "1969-12-31 23:59:59.5-00" }
    ), Parquet.write(path, { columns }))
    const read = yield* array(Parquet.read(path))
    assert.deepStrictEqual(read.map(({ at, big, small }) => [small, big, at]), [
      [-(2 ** 31), -(2n ** 63n), new Date("2026-11-21T08:20:30Z")], [2 ** 31 - 1, 2n ** 63n - 1n, new Date(-500)]
    ])
    assert.deepStrictEqual(read.map(({ data }) => JSON.stringify(data, (_, value: unknown) => typeof value === "bigint" ? `${value}n` : value)), [
      `{"n":["1152921504606846977n",-1,0.5],"none":null,"bytes":"AP8="}`, `"text"`
    ])
  }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("decimals inside of records, lists and maps have their point, and all of their digits", () => Effect.gen(function*() {
    const path = file()
    const decimal = { type: "INT64", converted_type: "DECIMAL", precision: 12, scale: 2, repetition_type: "OPTIONAL" } as const
    const writer = new ByteWriter()
    const parquet = new ParquetWriter({
      writer,
      schema: [
        { name: "root", num_children: 3 },
        { name: "record", repetition_type: "OPTIONAL", num_children: 2 }, { name: "price", ...decimal }, { name: "n", repetition_type: "OPTIONAL", type: "INT32" },
        { name: "list", repetition_type: "OPTIONAL", converted_type: "LIST", num_children: 1 }, { name: "list", repetition_type: "REPEATED", num_children: 1 },
        { name: "element", ...decimal },
        { name: "map", repetition_type: "OPTIONAL", converted_type: "MAP", num_children: 1 }, { name: "key_value", repetition_type: "REPEATED", num_children: 2 },
        { name: "key", repetition_type: "REQUIRED", type: "BYTE_ARRAY", converted_type: "UTF8" }, { name: "value", ...decimal }
      ]
    })
    void parquet.write({ columnData: [
      { name: "record", data: [{ price: 12.5, n: 1 }, { n: 2 }, undefined] }, { name: "list", data: [[1.25, undefined, -0.01], [], undefined] },
      { name: "map", data: [[{ key: "a", value: 7.77 }], [], undefined] }
    ] })
    void parquet.finish()
    writeFileSync(path, writer.getBytes())
    assert.deepStrictEqual((yield* array(Parquet.read(path))).map((row) => JSON.stringify(row)), [
      `{"record":{"price":"12.50","n":1},"list":["1.25",null,"-0.01"],"map":{"a":"7.77"}}`, `{"record":{"price":null,"n":2},"list":[],"map":{}}`, "{}"
    ])
  }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("a value that does not fit its column is refused by its row and name, and no file is there", () => Effect.gen(function*() {
    for (const [type, value] of [
      ["integer", 2 ** 31], ["integer", -(2 ** 31) - 1], ["integer", 1.5], ["json", () => 1], ["bigint", 2n ** 63n], ["bigint", "x"], ["double", "1"], ["text", 1], ["boolean", 2], ["bytes", "x"],
      ["timestamp", "tomorrow"], ["date", new Date(1)], [{ decimal: [4, 2] }, "100.00"], [{ decimal: [4, 2] }, "1.005"], [{ decimal: [4, 2] }, "1e3"], [{ decimal: [4, 2] }, Number.NaN]
    ] as const) {
      const path = file()
      const error = formatError(yield* Effect.exit(Stream.run(Stream.make({ a: null }, { a: value }), Parquet.write(path, { columns: { a: type } }))))
      assert.match(error.message, /^rows\[1\]\.a is no (integer|bigint|double|text|boolean|bytes|timestamp|date|json|decimal\(4, 2\))$/)
      assert.isFalse(existsSync(path))
    }
    const path = file()
    writeFileSync(path, "no parquet at all")
    assert.strictEqual(formatError(yield* Effect.exit(array(Parquet.read(path)))).path, path)
    assert.include(formatError(yield* Effect.exit(Stream.run(Stream.empty, Parquet.write(path, { columns: {} })))).message, "at least one column")
  }).pipe(Effect.provide(NodeFileSystem.layer)))

  const decimal = (value: unknown) => BigDecimal.format(BigDecimal.normalize(BigDecimal.unsafeFromString(String(value))))
})

describe("rows between files and tables", () => {
  it.effect("a CSV file is loaded, dumped as NDJSON and as Parquet, and loaded again: the same rows", () => Effect.gen(function*() {
    const db = yield* Database.Database
    const [csv, ndjson, parquet] = [file(), file(), file()]
    const rows = Array.from({ length: 5_000 }, (_, i) => ({ id: i, name: i % 7 === 0 ? null : `n"${i}, x` }))
    yield* Stream.run(Stream.fromIterable(rows), Csv.write(csv))
    const all = db<{ id: number; name: string | null }>`SELECT id, name FROM t ORDER BY id`
    const options = { table: "t", columns: ["id", "name"] }
    yield* BulkSink.load(Csv.read(csv), options)
    assert.deepStrictEqual(yield* all, rows)
    yield* Stream.run(all.stream, Ndjson.write(ndjson))
    yield* Stream.run(all.stream, Parquet.write(parquet, { columns: { id: "bigint", name: "text" } }))
    for (const source of [Ndjson.read(ndjson), Parquet.read(parquet)]) {
      yield* db`DELETE FROM t`.run
      yield* BulkSink.load(source, options)
      assert.deepStrictEqual(yield* all, rows)
    }
  }).pipe(Effect.provide(live())))
})
