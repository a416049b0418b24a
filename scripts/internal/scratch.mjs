/**
 * The folder of a run's temporary files, the data of its servers among them: in memory where there is room, and gone with the run.
 *
 * What is tested is what a client sees, and no disk. On one, a database for each test is most of the time: a copy of PostgreSQL's
 * template is 300 files, and ext4 without a journal walks past every file that was deleted a minute ago to find a place
 * for the next one (tried: 66 cases took the server 14.4 s of CPU there, and 3.3 s in memory). Called by `scripts/test.mjs`.
 */
import { chmodSync, mkdtempSync, rmSync, statfsSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const memory = "/dev/shm"
/** The file system of that name, and not a folder that somebody made. */
const tmpfs = 0x01021994
/** Twice what the suites were seen to hold at once, of the folder and of the machine. */
const least = 6 * 2 ** 30

const hasRoom = () => {
  try {
    const { bavail, bsize, type } = statfsSync(memory)
    return type === tmpfs && bavail * bsize >= least && process.availableMemory() >= least
  } catch {
    return false
  }
}

/**
 * Makes it, and makes it the folder of this process and its children. A TMPDIR that somebody has set is where it lies.
 */
export const scratch = () => {
  const folder = mkdtempSync(join(process.env.TMPDIR === undefined && hasRoom() ? memory : tmpdir(), "sluice-run-"))
  // Where we are root, its servers run as nobody.
  chmodSync(folder, 0o1777)
  process.env.TMPDIR = folder
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }))
}
