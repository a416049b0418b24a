/**
 * What a package shows to those who install it: its manifest, its licence, its entry points, and what importing it does.
 *
 * Read from the tree, as it is built. Whether a tarball works where it is installed is asked by `npm run audit:packages`.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { publint } from "publint"
import ts from "typescript5"
import { describe, expect, it } from "vitest"
import { filesBelow, type Package, packages, read, root } from "./house/tree.js"

interface Manifest {
  readonly [field: string]: unknown
  readonly name: string
  readonly version: string
  readonly description: string
  readonly keywords: ReadonlyArray<string>
  readonly exports: Readonly<Record<string, Readonly<Record<string, string>> | null>>
}

const manifestOf = (owner: Package): Manifest => JSON.parse(read(`${owner.folder}/package.json`))

/** Modules that do something when they are loaded, each with its reason. */
const active: Readonly<Record<string, string>> = {
  "packages/sqlite/src/internal/worker.ts": "the program of a thread, started by its URL"
}

/** Where a module does something when it is loaded. A loop that fills a table of its own reaches nobody. */
const effectsOf = (file: string): ReadonlyArray<string> => {
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.ESNext, true)
  return source.statements
    .filter((statement) =>
      ts.isExpressionStatement(statement) || ts.isIfStatement(statement) || ts.isTryStatement(statement)
      || (ts.isImportDeclaration(statement) && statement.importClause === undefined))
    .map((statement) => `${file}:${source.getLineAndCharacterOfPosition(statement.getStart(source)).line + 1}`)
}

describe.each(packages)("$folder", (owner) => {
  const manifest = manifestOf(owner)

  it("says what it is, under what licence, and on what it runs", () => {
    expect(manifest).toMatchObject({
      name: `@sluice/${owner.name}`,
      license: "MIT",
      type: "module",
      sideEffects: false,
      engines: { node: ">=20.19" },
      publishConfig: { access: "public" },
      files: ["dist", "!dist/.tsbuildinfo", "src"]
    })
    expect(manifest.version).toBe(manifestOf(packages[0]!).version)
    expect(manifest.description.length).toBeGreaterThan(20)
    expect(manifest.keywords).toEqual(expect.arrayContaining(["effect", "typescript", "sluice"]))
    expect(read(`${owner.folder}/LICENSE`)).toBe(read("LICENSE"))
    expect(read(`${owner.folder}/README.md`)).toMatch(new RegExp(`^# @sluice/${owner.name}\n`))
  })

  it("exports its index and every public module with its types, and nothing internal", () => {
    expect(manifest.exports).toEqual({
      ".": { types: "./dist/index.d.ts", default: "./dist/index.js" },
      "./internal/*": null,
      "./*": { types: "./dist/*.d.ts", default: "./dist/*.js" }
    })
    const modules = owner.sources.map((file) => file.slice(`${owner.folder}/src/`.length, -3)).filter((module) => !module.startsWith("internal/"))
    const missing = modules.flatMap((module) => [`${module}.js`, `${module}.d.ts`]).filter((file) => !existsSync(join(root, owner.folder, "dist", file)))
    expect(missing).toEqual([])
  })

  it("does nothing when it is imported, as sideEffects: false says", () => {
    expect(owner.sources.filter((file) => active[file] === undefined).flatMap(effectsOf)).toEqual([])
  })

  it("is what publint wants of a package", async () => {
    const { messages } = await publint({ pkgDir: join(root, owner.folder), pack: false, strict: true })
    expect(messages).toEqual([])
  })
})

it("a change waits for its release in .changeset, for packages that there are", () => {
  const changes = filesBelow(".changeset").filter((file) => file.endsWith(".md") && !file.endsWith("README.md"))
  const named = changes.flatMap((file) => [...read(file).matchAll(/^"(@sluice\/[a-z]+)": (?:major|minor|patch)$/gm)].map(([, name]) => name))
  const known = packages.map((owner) => `@sluice/${owner.name}`)
  expect(named.filter((name) => name === undefined || !known.includes(name))).toEqual([])
  expect(JSON.parse(read(".changeset/config.json"))).toMatchObject({ fixed: [["@sluice/*"]], access: "public" })
})
