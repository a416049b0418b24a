/**
 * The batch policy: limits, by hand and for any sizes.
 */
import { BatchPolicy } from "@sluice/batcher"
import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import * as FastCheck from "effect/FastCheck"

const make = (limits: BatchPolicy.Limits) => Either.getOrThrow(BatchPolicy.make(limits))

// What a batcher does with the decisions.
const batchesOf = (policy: BatchPolicy.BatchPolicy, sizes: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<number>> => {
  const batches: Array<Array<number>> = []
  let open: Array<number> = []
  const close = () => {
    batches.push(open)
    open = []
  }
  for (const size of sizes) {
    const { closesAfter, closesBefore } = policy.add(size)
    if (closesBefore) close()
    open.push(size)
    if (closesAfter) close()
    assert.strictEqual(policy.statements, open.length)
    assert.strictEqual(policy.bytes, sum(open))
  }
  if (open.length > 0) close()
  return batches
}

const sum = (sizes: ReadonlyArray<number>) => sizes.reduce((total, size) => total + size, 0)

const limits = FastCheck.record({ maxBytes: FastCheck.integer({ min: 1, max: 60 }), maxStatements: FastCheck.integer({ min: 1, max: 8 }) })
const sizes = FastCheck.array(FastCheck.integer({ min: 1, max: 80 }), { maxLength: 60 })

describe("B6 limits of bytes and statements hold together", () => {
  it("no batch is above either limit, but one statement that is longer by itself", () => {
    FastCheck.assert(FastCheck.property(limits, sizes, (limits, sizes) => {
      for (const batch of batchesOf(make(limits), sizes)) {
        assert.isAtMost(batch.length, limits.maxStatements)
        assert.isTrue(batch.length === 1 || sum(batch) <= limits.maxBytes)
      }
    }))
  })

  it("a batch is closed no sooner than a limit asks for", () => {
    FastCheck.assert(FastCheck.property(limits, sizes, (limits, sizes) => {
      const batches = batchesOf(make(limits), sizes)
      batches.forEach((batch, i) => {
        const following = batches[i + 1]?.[0]
        if (following === undefined) return
        assert.isTrue(batch.length === limits.maxStatements || sum(batch) + following > limits.maxBytes)
      })
    }))
  })

  it("counts UTF-8 bytes, and the delimiter", () => {
    FastCheck.assert(FastCheck.property(FastCheck.string({ unit: "binary" }), (text) => {
      assert.strictEqual(make({ delimiter: "€;" }).sizeOf(text), Buffer.byteLength(text) + 4)
    }))
    assert.strictEqual(make({}).sizeOf("é😀\ud800"), Buffer.byteLength("é😀\ud800") + 1)
  })
})

describe("B1 exactly once, in order", () => {
  it("every statement is in one batch, in the order in which it was added", () => {
    FastCheck.assert(FastCheck.property(limits, sizes, (limits, sizes) => {
      assert.deepStrictEqual(batchesOf(make(limits), sizes).flat(), sizes)
    }))
  })
})

describe("bad input", () => {
  it.each([["maxBytes", 0], ["maxBytes", -1], ["maxBytes", 1.5], ["maxStatements", 0], ["maxStatements", Number.NaN]] as const)("%s: %d is a ConfigError that names it", (field, value) => {
    const made = BatchPolicy.make({ [field]: value })
    assert.isTrue(Either.isLeft(made))
    if (Either.isLeft(made)) assert.strictEqual(made.left.reason.field, field)
  })
})
