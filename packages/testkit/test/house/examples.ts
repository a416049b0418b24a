/**
 * The examples: every `ts` fence of a docstring or of a page, compiled as a user would compile it.
 *
 * Each becomes a file of its own in `packages/testkit/.examples`, from where the workspace's packages resolve to their
 * builds; line n of it is line n of the fence. They are compiled, not run. Called by `house.test.ts`.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { filesBelow, packages, read, root } from "./tree.js"

const folder = "packages/testkit/.examples"

export interface Example {
  readonly file: string
  /** The line of the fence; the first line of the code is the next one. */
  readonly line: number
  readonly code: string
}

/** The fences of a text. In sources only those inside of comments count, and the comment's asterisks are taken off. */
export const fencesOf = (file: string, text: string): ReadonlyArray<Example> => {
  const inComment = file.endsWith(".ts")
  const open = inComment ? /^\s*\* ?```ts\s*$/ : /^\s*```ts\s*$/
  const close = inComment ? /^\s*\* ?```\s*$/ : /^\s*```\s*$/
  const found: Array<Example> = []
  let current: { readonly line: number; readonly code: Array<string> } | undefined
  text.split("\n").forEach((line, index) => {
    if (current === undefined) {
      if (open.test(line)) current = { line: index + 1, code: [] }
    } else if (close.test(line)) {
      found.push({ file, line: current.line, code: current.code.join("\n") })
      current = undefined
    } else {
      current.code.push(inComment ? line.replace(/^\s*\* ?/, "") : line)
    }
  })
  // A fence that nobody closed would swallow the rest unseen.
  if (current !== undefined) found.push({ file, line: current.line, code: `"the fence is not closed" satisfies never` })
  return found
}

export const examples = (): ReadonlyArray<Example> =>
  [
    ...packages.flatMap((owner) => owner.sources),
    ...filesBelow("").filter((file) => /^(README\.md|docs\/.*\.md|packages\/[^/]+\/README\.md)$/.test(file))
  ].flatMap((file) => fencesOf(file, read(file)))

/** Compiles them all at once and answers with what the compiler says, each with the place it was written at. */
export const compile = (all: ReadonlyArray<Example>): ReadonlyArray<string> => {
  const unbuilt = packages.filter((owner) => owner.sources.length > 0 && !existsSync(join(root, owner.folder, "dist/index.d.ts")))
  if (unbuilt.length > 0) return unbuilt.map((owner) => `${owner.folder} is not built: run \`npm run build\` first`)
  rmSync(join(root, folder), { recursive: true, force: true })
  mkdirSync(join(root, folder), { recursive: true })
  const origin = new Map<string, Example>()
  for (const [index, example] of all.entries()) {
    const name = `${String(index).padStart(4, "0")}-${example.file.replace(/\.\w+$/, "").replaceAll(/[^A-Za-z0-9]+/g, "-")}.ts`
    origin.set(name, example)
    writeFileSync(join(root, folder, name), `${example.code}\nexport {}\n`)
  }
  writeFileSync(
    join(root, folder, "tsconfig.json"),
    JSON.stringify({
      extends: "../../../tsconfig.base.json",
      compilerOptions: {
        noEmit: true,
        composite: false,
        declaration: false,
        declarationMap: false,
        sourceMap: false,
        noUnusedLocals: false,
        paths: Object.fromEntries(packages.flatMap((owner) => [
          [`@sluice/${owner.name}`, [`../../${owner.name}/dist/index.d.ts`]],
          [`@sluice/${owner.name}/*`, [`../../${owner.name}/dist/*.d.ts`]]
        ]))
      },
      include: ["*.ts"]
    })
  )
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    ["node_modules/typescript/bin/tsc", "-p", folder, "--pretty", "false"],
    { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 }
  )
  if (status === 0) return []
  const said = `${stdout}${stderr}`.trimEnd().split("\n").map((line) => {
    const match = /^(?:.*\/)?([^/(]+\.ts)\((\d+),\d+\): (.*)$/.exec(line)
    const example = match === null ? undefined : origin.get(match[1]!)
    return example === undefined ? line : `${example.file}:${example.line + Number(match![2])} ${match![3]}`
  })
  return said.length > 0 ? said : [`the compiler ended with ${status} and said nothing`]
}
