/**
 * The house rules, read from the tree: who may know whom, how a file begins, what an export says about itself.
 *
 * It runs no code of the packages. A rule that fails names the file and the line.
 */
import { basename, extname } from "node:path"
import { describe, expect, it } from "vitest"
import { arrows, dialects, importsOf, misdirected, pointsUp, unplaced } from "./house/arrows.js"
import { show, survey } from "./house/docstrings.js"
import { compile, examples, fencesOf } from "./house/examples.js"
import { hostsIn, tracesIn } from "./house/traces.js"
import { filesBelow, packages, read } from "./house/tree.js"

/** Files that may be longer than 400 lines, each with its reason. */
const long: Readonly<Record<string, string>> = {
  "packages/core/src/Reason.ts": "a table: one class for every reason, each with its own comment"
}

const core = packages.find((owner) => owner.name === "core")!

describe("arrows", () => {
  it("every package has a row in the table", () => {
    expect(packages.map((owner) => owner.name).filter((name) => arrows[name] === undefined)).toEqual([])
  })

  it("a package depends on nothing but what its row allows", () => {
    expect(packages.flatMap((owner) =>
      owner.dependencies.filter((name) => !(arrows[owner.name] ?? []).includes(name)).map((name) => `${owner.folder}/package.json: ${name}`)
    )).toEqual([])
  })

  it("a source imports nothing but what its package's row and package.json allow", () => {
    expect(packages.flatMap((owner) =>
      owner.sources.flatMap((file) => importsOf(file)).map((each) => misdirected(owner, each)).filter((wrong) => wrong !== undefined)
    )).toEqual([])
  })

  it("every module of core has its place", () => {
    expect(unplaced(core)).toEqual([])
  })

  it("inside core nothing points back up", () => {
    expect(core.sources.flatMap((file) => importsOf(file)).map((each) => pointsUp(core, each)).filter((wrong) => wrong !== undefined)).toEqual([])
  })

  it("sees an import in each of its forms, and what is wrong with it", () => {
    const file = "packages/core/src/Dialect.ts"
    const found = importsOf(
      file,
      `import type { A } from "./Sql.js"\nexport * from "node:fs"\nconst b = import("better-sqlite3")\ntype C = import("../../sqlite/src/Sqlite.js").D\nimport "./Nowhere.js"`
    )
    expect(found.map(({ line, specifier }) => `${line} ${specifier}`)).toEqual([
      "1 ./Sql.js",
      "2 node:fs",
      "3 better-sqlite3",
      "4 ../../sqlite/src/Sqlite.js",
      "5 ./Nowhere.js"
    ])
    expect(found.map((each) => misdirected(core, each))).toEqual([
      undefined,
      `${file}:2 core runs anywhere, and node:fs is Node's`,
      `${file}:3 core may not know better-sqlite3`,
      `${file}:4 leaves its package: ../../sqlite/src/Sqlite.js`,
      undefined
    ])
    expect(pointsUp(core, found[0]!)).toBe(`${file}:1 Dialect points up to Sql`)
    expect(pointsUp(core, found[4]!)).toContain("say where Nowhere stands")
  })
})

describe("files", () => {
  const sources = packages.flatMap((owner) => owner.sources)

  it("a source has at most 400 lines, or a reason", () => {
    expect(
      sources.filter((file) => long[file] === undefined).map((file) => [file, read(file).trimEnd().split("\n").length] as const)
        .filter(([, lines]) => lines > 400).map(([file, lines]) => `${file} has ${lines} lines`)
    ).toEqual([])
  })

  it("a source begins with what it is", () => {
    expect(sources.filter((file) => basename(file) !== "index.ts" && !read(file).startsWith("/**\n"))).toEqual([])
  })

  it.each(packages.filter((owner) => dialects[owner.name] !== undefined))("the dialect $name has the rooms of every dialect", (owner) => {
    const { module, session } = dialects[owner.name]!
    const rooms = [module, ...["dialect", session, "errors", "types", "bulk"].map((name) => `internal/${name}`)]
    expect(rooms.map((room) => `${owner.folder}/src/${room}.ts`).filter((file) => !owner.sources.includes(file))).toEqual([])
  })
})

describe("docstrings", () => {
  const found = survey(packages)

  it("every public export has a description, @since, @category and @example", () => {
    expect(found.exports.map(show)).toEqual([])
  })

  it("every field of a public interface has a comment", () => {
    expect(found.fields.map(show)).toEqual([])
  })
})

describe("examples", () => {
  it("a fence is found with its line, without the comment's asterisks", () => {
    expect(fencesOf("a.ts", "/**\n * @example\n * ```ts\n * const a = 1\n *\n *   a\n * ```\n */\n")).toEqual([
      { file: "a.ts", line: 3, code: "const a = 1\n\n  a" }
    ])
    expect(fencesOf("a.md", "```sh\nls\n```\n\n```ts\na * b\n```\n")).toEqual([{ file: "a.md", line: 5, code: "a * b" }])
  })

  it("every example of the docstrings, of the README and of docs/ compiles", { timeout: 120_000 }, () => {
    const all = examples()
    expect(all.length).toBeGreaterThan(0)
    expect(compile(all)).toEqual([])
  })
})

describe("traces of a machine", () => {
  const texts = new Set([".ts", ".mts", ".js", ".mjs", ".json", ".md", ".yaml", ".yml", ".sql", ".sh", ".txt", ""])

  it("no file names a machine's folder or a registry", () => {
    expect(filesBelow("").filter((file) => texts.has(extname(file))).flatMap((file) => tracesIn(file, read(file)))).toEqual([])
  })

  it("the lockfile names no host", () => {
    expect(hostsIn(read("pnpm-lock.yaml"))).toEqual([])
  })

  it("a trace is seen, and what only looks like one is not", () => {
    const folder = ["", "home", "me", "x"].join("/")
    const host = ["registry", ["npm", "js"].join(""), "org"].join(".")
    expect(tracesIn("a", `open("${folder}")\nhttps://${host}/effect\nhttps://example.com${folder}\n.${folder}`).map((line) => line.split(":")[1]!.split(" ")[0]))
      .toEqual(["1", "2", "2"])
    expect(hostsIn(`  resolution: {tarball: https://${host}/a.tgz}\n  deprecated: see https://example.com`)).toHaveLength(1)
  })
})
