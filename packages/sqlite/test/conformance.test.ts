/**
 * SQLite against the conformance suite: a file with worker threads, a file without, and a database in memory.
 */
import * as Sqlite from "@sluice/sqlite/Sqlite"
import type { Config } from "@sluice/core/Database"
import * as Conformance from "@sluice/testkit/Conformance"
import { sqlite, sqliteInline, sqliteMemory } from "@sluice/testkit/profiles/sqlite"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert } from "vitest"

const directory = mkdtempSync(join(tmpdir(), "sluice-conformance-"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

// Node lists no worker thread among its active resources; Linux lists every thread. libuv's pool comes beside them, up to 4.
const tasks = "/proc/self/task"
const threads = (): number => existsSync(tasks) ? readdirSync(tasks).length : 0
const before = threads()
afterAll(async () => {
  for (let n = 0; n < 500 && threads() > before + 4; n++) await new Promise((resolve) => setTimeout(resolve, 20))
  assert.isAtMost(threads(), before + 4, "no thread is left behind by hundreds of databases")
}, 15_000)

let files = 0
const newFile = (): string => join(directory, `${++files}.db`)

const folder = join(directory, "folder")
mkdirSync(folder)
const corrupt = join(directory, "corrupt.db")
const missing = join(directory, "missing-and-not-made.db")
afterAll(() => assert.isFalse(existsSync(missing), "a doctor makes no file"))
writeFileSync(corrupt, "This is a text and no database.".repeat(100))

Conformance.conformance("sqlite file", {
  profile: sqlite,
  layer: (config) => Sqlite.layer({ ...config, filename: newFile() }),
  unreachable: [
    { title: "a missing file for reading only", reason: "ConnectionError", layer: Sqlite.layer({ filename: join(directory, "missing.db"), readOnly: true }) },
    { title: "a folder", reason: "ConnectionError", layer: Sqlite.layer({ filename: folder }) },
    { title: "a file in no folder", reason: "ConnectionError", layer: Sqlite.layer({ filename: join(directory, "none", "a.db") }) },
    { title: "a corrupt file", reason: "ConnectionError", layer: Sqlite.layer({ filename: corrupt }) },
    { title: "nothing that is named", reason: "ConfigError", layer: Sqlite.layer({}) },
    { title: "a pool of nobody", reason: "ConfigError", layer: Sqlite.layer({ filename: newFile(), pool: { max: 0 } }) }
  ],
  sick: [
    { title: "a file that is not there", step: "file", hint: "check `filename`", report: Sqlite.doctor({ filename: missing }) },
    { title: "a folder", step: "file", hint: "check `filename`", report: Sqlite.doctor({ filename: folder }) },
    { title: "a file that is no database", step: "open", hint: "no SQLite database", report: Sqlite.doctor({ filename: corrupt }) },
    { title: "nothing that is named", step: "config", hint: "check `filename`", report: Sqlite.doctor({}) }
  ]
})

Conformance.conformance("sqlite file without threads", {
  profile: sqliteInline,
  layer: (config) => Sqlite.layer({ ...config, filename: newFile(), threads: false })
})

// What is in memory is one connection: a pool's size is no choice there.
const one = (config: Config): Config => ({ ...config, pool: { ...config.pool, max: 1, min: 0, minIdle: 0 } })

Conformance.conformance("sqlite in memory", {
  profile: sqliteMemory,
  layer: (config) => Sqlite.layer({ ...one(config), filename: ":memory:" }),
  unreachable: [
    { title: "readers beside it", reason: "ConfigError", layer: Sqlite.layer({ filename: ":memory:", readers: 2 }) },
    { title: "a second connection", reason: "ConfigError", layer: Sqlite.layer({ filename: ":memory:", pool: { max: 2 } }) }
  ]
})
