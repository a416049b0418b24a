/**
 * Options: what one connection to a SQLite database is opened with.
 *
 * It checks nothing (that is `settings`) and knows no pool (that is the public module). Everything here crosses to the
 * worker thread, so it is plain data, and imports nothing. Read by `connection`, `handle` and `pragmas`.
 *
 * @since 0.1.0
 */

/** How to open one connection. */
export interface Options {
  /** A file's path, or `:memory:`: a database of this connection alone. The empty path is a temporary file. */
  readonly filename: string
  /** Opens an existing file for reading only. Default `false`. */
  readonly readOnly?: boolean | undefined
  /** Switches a writable file to write-ahead logging, with `synchronous = NORMAL`. Default `true`. */
  readonly wal?: boolean | undefined
  /** Milliseconds to wait for a lock that another connection holds. Default 5000; then LockTimeoutError. */
  readonly busyTimeout?: number | undefined
  /** The type of every INTEGER value. With `number` (default), one beyond 2^53 - 1 is refused with DataError. */
  readonly integers?: "number" | "bigint" | undefined
  /** Pragmas of the session, applied at open and again at reset; foreign keys are on unless this says otherwise. */
  readonly pragmas?: Readonly<Record<string, number | string | boolean>> | undefined
  /** Path or URL of a module whose default export gets the driver's own handle at open: functions, aggregates. */
  readonly setup?: string | undefined
  /** Paths of extensions to load at open. */
  readonly extensions?: ReadonlyArray<string> | undefined
  /** `false`: statements run on the caller's thread, and the event loop stands still meanwhile. Default `true`. */
  readonly threads?: boolean | undefined
  /** Prepared statements kept per connection. Default 200. */
  readonly cacheSize?: number | undefined
}

/** `Options` with every default filled in. */
export interface Settings {
  readonly filename: string
  readonly readOnly: boolean
  readonly wal: boolean
  readonly busyTimeout: number
  readonly integers: "number" | "bigint"
  readonly pragmas: Readonly<Record<string, number | string | boolean>>
  readonly setup: string | undefined
  readonly extensions: ReadonlyArray<string>
  readonly threads: boolean
  readonly cacheSize: number
}

/** Whether the database lives in one connection only, so that opening it again would be another database. */
export const isPrivate = (filename: string): boolean => filename.trim() === "" || filename.trim() === ":memory:"
