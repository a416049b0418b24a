/**
 * A reader of a spool's log: its records from a place on, some at a time.
 *
 * It reads what was acknowledged and nothing behind that, a file at a time, so that memory holds one segment. Made by `draining`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { SpoolError } from "../../SpoolError.js"
import { failed } from "./failure.js"
import type { File, Log } from "./log.js"
import { recordsOf } from "./record.js"
import * as Segment from "./segment.js"

/** Records that follow each other. */
export interface Taken {
  readonly records: ReadonlyArray<unknown>
  /** The place behind the last of them. */
  readonly next: number
}

export class Reader {
  private records: Array<unknown> = []
  private frames: ReadonlyArray<Segment.Found> = []
  private taken = 0
  private file: File | undefined = undefined
  private offset = 0

  constructor(private readonly log: Log, private position: number) {}

  /** The next records, at most so many and at least one; `undefined` where there is none now. */
  take(most: number): Effect.Effect<Taken | undefined, SpoolError> {
    return Effect.flatMap(this.gathered(most), () => {
      if (this.records.length === 0) return Effect.flatMap(this.read, (hasMore) => hasMore ? this.take(most) : Effect.succeed(undefined))
      const records = this.records.splice(0, most)
      this.position += records.length
      return Effect.succeed({ records, next: this.position })
    })
  }

  private gathered(most: number): Effect.Effect<void, SpoolError> {
    return Effect.try({
      try: () => {
        while (this.records.length < most && this.taken < this.frames.length) {
          const frame = this.frames[this.taken]!
          // A place that was lost is passed over, and ends what goes together.
          if (frame.first > this.position + this.records.length) {
            if (this.records.length > 0) return
            this.position = frame.first
          }
          const records = recordsOf(frame.payload)
          this.taken++
          for (let i = Math.max(0, this.position - frame.first); i < records.length; i++) this.records.push(records[i])
        }
      },
      catch: (cause) => new SpoolError({ reason: "Damaged", message: `a record from ${this.position} on cannot be read by this version of Node`, cause })
    })
  }

  private readonly read: Effect.Effect<boolean, SpoolError> = Effect.suspend(() => {
    const { files, fs } = this.log
    let file = this.file ?? files.find((_, i) => (files[i + 1]?.first ?? Number.POSITIVE_INFINITY) > this.position)
    let from = this.file === undefined ? Segment.beginning : this.offset
    // Read to its end: the one behind it, where there is one.
    while (file !== undefined && from >= file.size) {
      const { first } = file
      this.file = file
      this.offset = from
      file = files.find((each) => each.first > first)
      from = Segment.beginning
    }
    if (file === undefined) return Effect.succeed(false)
    const found = file
    const { first, name, size } = found
    const path = this.log.pathOf(name)
    const bytes = Effect.scoped(Effect.gen(function*() {
      const opened = yield* fs.open(path, { flag: "r" })
      yield* opened.seek(from, "start")
      const buffer = Buffer.allocUnsafe(size - from)
      for (let at = 0; at < buffer.length;) {
        const count = Number(yield* opened.read(buffer.subarray(at)))
        if (count === 0) return buffer.subarray(0, at)
        at += count
      }
      return buffer
    }))
    return Effect.map(Effect.mapError(bytes, failed(path, "cannot be read")), (bytes) => {
      this.frames = Segment.read(path, bytes, 0, first).frames
      this.taken = 0
      this.file = found
      this.offset = size
      return true
    })
  })
}
