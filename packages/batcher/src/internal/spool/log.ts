/**
 * The log of a spool: its segments, recovered when it is opened, and the one that is written to.
 *
 * Whoever appends waits for a write and a sync that hold his frame; frames that come meanwhile share the next ones. It decides nothing about
 * what the records are for, nor who reads them (that is `reader`). Made by `Spool`.
 *
 * @internal
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import { type Damage, SpoolError } from "../../SpoolError.js"
import { failed } from "./failure.js"
import { encode } from "./frame.js"
import { hold } from "./lock.js"
import * as Segment from "./segment.js"

export interface Settings {
  readonly folder: string
  readonly segmentBytes: number
  readonly damaged: "fail" | "skip"
}

/** A file of the log. */
export interface File {
  readonly name: string
  /** The place of its first record. */
  readonly first: number
  /** What of it is on disk and acknowledged. */
  size: number
  readonly isDamaged: boolean
}

interface Waiting {
  readonly payload: Uint8Array
  readonly count: number
  readonly done: Deferred.Deferred<void, SpoolError>
}

/** Opens the log of a folder, which is made where there is none, until the scope closes. */
export const open = (settings: Settings): Effect.Effect<Log, SpoolError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const scope = yield* Effect.scope
    const { folder } = settings
    yield* Effect.mapError(fs.makeDirectory(folder, { recursive: true }), failed(folder, "cannot be made"))
    yield* hold(folder)
    const names = yield* Effect.mapError(fs.readDirectory(folder), failed(folder, "cannot be read"))
    const log = new Log(fs, scope, settings)
    yield* log.recover(names.filter((name) => Segment.firstOf(name) !== undefined).toSorted())
    yield* Effect.addFinalizer(() => log.close)
    return log
  })

export class Log {
  id: string = randomUUID()
  /** The place of the next record: how many the spool ever took. */
  next = 0
  readonly files: Array<File> = []
  readonly damages: Array<Damage> = []
  private isClosed = false
  /** Completed by the next write. */
  private grown = Deferred.unsafeMake<void>(FiberId.none)
  private waiting: Array<Waiting> = []
  private active: FileSystem.File | undefined = undefined
  private handle: Scope.CloseableScope | undefined = undefined
  private failure: SpoolError | undefined = undefined
  private readonly turns = Effect.unsafeMakeSemaphore(1)

  constructor(readonly fs: FileSystem.FileSystem, private readonly scope: Scope.Scope, private readonly settings: Settings) {}

  pathOf(name: string): string {
    return `${this.settings.folder}/${name}`
  }

  // ---- recovering ----

  /** Reads every segment once: what is whole, what is torn and cut off, what is damaged and told. */
  recover(names: ReadonlyArray<string>): Effect.Effect<void, SpoolError> {
    return Effect.gen(this, function*() {
      let last: { readonly size: number; readonly end: number } | undefined
      for (const [i, name] of names.entries()) {
        const path = this.pathOf(name)
        const bytes = Buffer.from(yield* Effect.mapError(this.fs.readFile(path), failed(path, "cannot be read")))
        const first = Segment.firstOf(name) ?? 0
        const id = Segment.idOf(bytes)
        // The process ended while it made this file: nothing in it was acknowledged.
        if (id === undefined && i === names.length - 1 && bytes.length <= Segment.beginning) {
          yield* this.remove(name)
          continue
        }
        if (i === 0) this.next = first
        else if (first > this.next) this.damages.push({ kind: "damaged", file: path, offset: 0, bytes: 0, first: this.next, count: first - this.next })
        const found = Segment.read(path, bytes, id === undefined ? 0 : Segment.beginning, first)
        if (id === undefined) this.damages.push({ kind: "damaged", file: path, offset: 0, bytes: Segment.beginning, first, count: 0 })
        else this.id = id
        this.damages.push(...found.damages)
        this.next = found.next
        const isDamaged = id === undefined || found.damages.some(({ kind }) => kind === "damaged")
        this.files.push({ name, first, size: found.end, isDamaged })
        last = isDamaged ? undefined : { size: bytes.length, end: found.end }
      }
      const damaged = this.damages.filter(({ kind }) => kind === "damaged")
      if (damaged.length > 0 && this.settings.damaged === "fail") return yield* Effect.fail(refused(this.settings.folder, damaged))
      // Nothing is written behind what is damaged: the next record begins a file of its own.
      const name = this.files[this.files.length - 1]?.name
      if (last !== undefined && name !== undefined) yield* this.goOn(name, last.end)
    })
  }

  private goOn(name: string, end: number): Effect.Effect<void, SpoolError> {
    const path = this.pathOf(name)
    return Effect.mapError(Effect.zipRight(this.use(path), Effect.suspend(() => this.active!.truncate(end))), failed(path, "cannot be opened"))
  }

  // ---- appending ----

  /** Appends records, and completes when they are on disk. Interrupted before they are written, they never are. */
  append(payload: Uint8Array, count: number): Effect.Effect<void, SpoolError> {
    return Effect.suspend(() => {
      const entry: Waiting = { payload, count, done: Deferred.unsafeMake(FiberId.none) }
      this.waiting.push(entry)
      // The first who gets the turn writes what all of them have brought.
      const write = this.turns.withPermits(1)(Effect.suspend(() => this.waiting.includes(entry) ? Effect.uninterruptible(this.write()) : Effect.void))
      return Effect.zipRight(
        Effect.onInterrupt(write, () => Effect.sync(() => {
          this.waiting = this.waiting.filter((each) => each !== entry)
        })),
        Deferred.await(entry.done)
      )
    })
  }

  private write(): Effect.Effect<void> {
    const { waiting } = this
    this.waiting = []
    const first = this.next
    let next = first
    const bytes = Buffer.concat(waiting.map(({ count, payload }) => {
      next += count
      return encode(next - count, count, payload)
    }))
    const written = Effect.gen(this, function*() {
      if (this.isClosed) return yield* Effect.fail(closed(this.settings.folder))
      if (this.failure !== undefined) return yield* Effect.fail(this.failure)
      let file = this.files[this.files.length - 1]
      if (file === undefined || this.active === undefined || file.size + bytes.length > this.settings.segmentBytes && file.size > Segment.beginning) {
        file = yield* this.begin(first)
      }
      const { active, size } = { active: this.active!, size: file.size }
      const path = this.pathOf(file.name)
      yield* Effect.mapError(active.writeAll(bytes), failed(path, "cannot be written")).pipe(
        // What came of it to the disk is cut off, so that the next frame follows the last one; else that begins a new file.
        Effect.tapError(() => Effect.catchAll(active.truncate(size), () => Effect.sync(() => {
          this.active = undefined
        })))
      )
      // After a sync that failed nobody knows what of it is on disk, and a second one would say that all is well.
      yield* Effect.mapError(active.sync, failed(path, "cannot be synced")).pipe(Effect.tapError((error) => Effect.sync(() => {
        this.failure = error
      })))
      file.size = size + bytes.length
      this.next = next
      const { grown } = this
      this.grown = Deferred.unsafeMake(FiberId.none)
      Deferred.unsafeDone(grown, Exit.void)
    })
    return Effect.flatMap(Effect.exit(written), (exit) => Effect.sync(() => {
      for (const { done } of waiting) Deferred.unsafeDone(done, exit)
    }))
  }

  /** Completes when more was written than when this was asked for. */
  get growth(): Effect.Effect<void> {
    return Deferred.await(this.grown)
  }

  // ---- files ----

  private begin(first: number): Effect.Effect<File, SpoolError> {
    const name = Segment.nameOf(first)
    const path = this.pathOf(name)
    const made = Effect.gen(this, function*() {
      yield* this.use(path)
      yield* this.active!.truncate(0)
      yield* this.active!.writeAll(Segment.begin(this.id, first))
      yield* this.active!.sync
      yield* this.syncFolder
    })
    return Effect.mapBoth(made, {
      onFailure: (error) => {
        this.active = undefined
        return failed(path, "cannot be made")(error)
      },
      onSuccess: () => {
        const file: File = { name, first, size: Segment.beginning, isDamaged: false }
        this.files.push(file)
        return file
      }
    })
  }

  private use(path: string) {
    return Effect.gen(this, function*() {
      if (this.handle !== undefined) yield* Scope.close(this.handle, Exit.void)
      this.handle = yield* Scope.fork(this.scope, ExecutionStrategy.sequential)
      this.active = yield* Scope.extend(this.fs.open(path, { flag: "a" }), this.handle)
    })
  }

  // A new name in a folder is on disk when the folder is.
  private readonly syncFolder = Effect.suspend(() =>
    Effect.scoped(Effect.flatMap(this.fs.open(this.settings.folder, { flag: "r" }), (folder) => folder.sync)))

  private remove(name: string): Effect.Effect<void, SpoolError> {
    const path = this.pathOf(name)
    return Effect.mapError(this.fs.remove(path), failed(path, "cannot be removed"))
  }

  /**
   * Gives up what is applied up to this record: whole files, but the last two. A target whose last commits are not on its disk
   * when the power fails finds them here. A damaged file is kept under another name.
   */
  trim(applied: number): Effect.Effect<void, SpoolError> {
    return this.turns.withPermits(1)(Effect.suspend(() => {
      const over = this.files.filter((_, i) => i < this.files.length - 2 && (this.files[i + 1]?.first ?? 0) <= applied)
      return Effect.forEach(over, (file) => {
        const path = this.pathOf(file.name)
        const gone = file.isDamaged
          ? Effect.mapError(this.fs.rename(path, `${path}.damaged`), failed(path, "cannot be renamed"))
          : this.remove(file.name)
        return Effect.map(gone, () => {
          this.files.shift()
        })
      }, { discard: true })
    }))
  }

  /** No more is taken; what was brought is told so. */
  readonly close: Effect.Effect<void> = this.turns.withPermits(1)(Effect.suspend(() => {
    this.isClosed = true
    return this.waiting.length === 0 ? Effect.void : this.write()
  }))
}

const closed = (folder: string): SpoolError => new SpoolError({ reason: "Closed", message: `the spool ${folder} is closed: its scope has ended` })

const refused = (folder: string, damages: ReadonlyArray<Damage>): SpoolError => {
  const count = damages.reduce((sum, damage) => sum + (damage.count ?? 0), 0)
  const where = damages.map(({ bytes, file, offset }) => `${file} at byte ${offset} (${bytes} bytes)`).join(", ")
  return new SpoolError({
    reason: "Damaged",
    message: `the spool ${folder} is damaged, ${count} records or more cannot be read: ${where}; damaged: "skip" goes on with all others`,
    damages
  })
}
