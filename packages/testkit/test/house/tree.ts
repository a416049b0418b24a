/**
 * The tree: the repository's files as the house tests read them.
 *
 * It judges nothing. Called by the other files of this folder.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, extname, join, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url))))))

export const read = (file: string): string => readFileSync(join(root, file), "utf8")

/** What is made from the sources, or fetched: nobody wrote it. */
const made = new Set(["node_modules", "dist", "out", ".git", ".examples"])

/** Every file that somebody wrote below a folder, relative to the root. */
export const filesBelow = (folder: string): Array<string> =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`
      if (made.has(entry.name)) return []
      return entry.isDirectory() ? filesBelow(path) : [path]
    })
    : []

export interface Package {
  /** The folder's name, which is also the name after `@sluice/`. */
  readonly name: string
  readonly folder: string
  /** What a user gets with it: dependencies and peers; not what only its tests need. */
  readonly dependencies: ReadonlyArray<string>
  /** Its sources, relative to the root. */
  readonly sources: ReadonlyArray<string>
}

interface Manifest {
  readonly dependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
}

export const packages: ReadonlyArray<Package> = readdirSync(join(root, "packages"))
  .filter((name) => existsSync(join(root, "packages", name, "package.json")))
  .map((name) => {
    const folder = `packages/${name}`
    const manifest = JSON.parse(read(`${folder}/package.json`)) as Manifest
    return {
      name,
      folder,
      dependencies: Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies }),
      sources: filesBelow(`${folder}/src`).filter((file) => extname(file) === ".ts")
    }
  })

/** A path as it stands in our messages, on every system. */
export const fromRoot = (absolute: string): string => relative(root, absolute).split(sep).join("/")
