/**
 * Pragmas: the settings of a session, applied at open and brought back at reset.
 *
 * It validates nothing (that is `options`). Called by `handle`.
 *
 * @since 0.1.0
 */
import type { Raw } from "./driver.js"
import { isPrivate, type Settings } from "./options.js"

// Those that belong to the connection and not to the file, and that a session may have changed.
const ofSession = [
  "analysis_limit", "automatic_index", "busy_timeout", "cache_size", "cache_spill", "cell_size_check",
  "checkpoint_fullfsync", "defer_foreign_keys", "foreign_keys", "fullfsync", "ignore_check_constraints",
  "journal_size_limit", "legacy_alter_table", "max_page_count", "mmap_size", "query_only", "read_uncommitted",
  "recursive_triggers", "reverse_unordered_selects", "secure_delete", "synchronous", "temp_store", "threads",
  "trusted_schema", "wal_autocheckpoint", "writable_schema"
] as const

/** The values of a session's pragmas at one moment. */
export type Snapshot = ReadonlyMap<string, number>

/** Applies what the settings say. Foreign keys are on by default, unlike in SQLite itself. */
export const apply = (db: Raw, settings: Settings): void => {
  db.pragma("foreign_keys = ON")
  if (settings.wal && !settings.readOnly && !isPrivate(settings.filename)) {
    // Asked first: setting it takes a lock even where it is set already.
    if (db.pragma("journal_mode", { simple: true }) !== "wal") db.pragma("journal_mode = WAL")
    db.pragma("synchronous = NORMAL")
  }
  for (const [name, value] of Object.entries(settings.pragmas)) db.pragma(`${name} = ${literal(value)}`)
}

/** Reads what `restore` brings back. */
export const snapshot = (db: Raw): Snapshot => {
  const values = new Map<string, number>()
  for (const name of ofSession) {
    const value = db.pragma(name, { simple: true })
    if (typeof value === "number") values.set(name, value)
  }
  return values
}

/** Brings the session's pragmas back to a snapshot. */
export const restore = (db: Raw, values: Snapshot, settings: Settings): void => {
  for (const [name, value] of values) {
    if (db.pragma(name, { simple: true }) !== value) db.pragma(`${name} = ${value}`)
  }
  // It cannot be read back: its default, then whatever the settings say.
  db.pragma("case_sensitive_like = OFF")
  apply(db, settings)
}

const literal = (value: number | string | boolean): string =>
  typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : typeof value === "boolean" ? (value ? "ON" : "OFF") : String(value)
