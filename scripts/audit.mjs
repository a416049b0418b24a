/**
 * `npm run audit:packages`: whether what would be published works for those who install it.
 *
 * Packs every package, asks publint and @arethetypeswrong/cli about each tarball, installs them all with npm into an empty
 * project outside of the workspace, compiles an app there under --strict, runs it, requires it from CommonJS, and bundles parts of
 * it. What `npm test` can ask of the tree by itself is in the house tests; this takes a minute and the registry.
 */
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { apps, bundled } from "./internal/audit/bundles.mjs"
import { node } from "./internal/child.mjs"
import { packages, root, say } from "./internal/repository.mjs"

const failures = []

const check = (what, isGood, said = "") => {
  say(`${isGood ? "ok" : "FAILED"}: ${what}`)
  if (isGood) return
  failures.push(what)
  if (said !== "") console.log(said)
}

const command = (what, program, args, options) => {
  const { error, status, stderr, stdout } = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26, ...options })
  check(what, status === 0, `${error?.message ?? ""}${stdout}${stderr}`)
  return status === 0
}

const manifest = (folder) => JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"))
const tarball = (folder) => join(root, "out/packs", `${manifest(folder).name.replace("@", "").replace("/", "-")}-${manifest(folder).version}.tgz`)
const bin = (name) => join(root, "node_modules/.bin", name)

const linted = (folder) => {
  const { name } = manifest(folder)
  command(`publint ${name}`, bin("publint"), [tarball(folder), "--strict"])
  // A pattern of `exports` is not looked into by itself: every public module is named.
  const modules = readdirSync(join(root, folder, "dist"), { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".d.ts") && entry.name !== "index.d.ts")
    .map((entry) => entry.name.slice(0, -5))
  // ESM only, as decisions.md says: Node 20.19 and later load it by require as well.
  command(`arethetypeswrong ${name}, ${modules.length + 1} entry points`, bin("attw"), [
    tarball(folder), "--profile", "esm-only", "--format", "ascii", "--entrypoints", ".", ...modules
  ])
}

/** An empty project with every tarball, and the binary that this workspace's own install has made: compiling it anew is not asked here. */
const installed = (folder) => {
  const { devDependencies } = manifest("")
  const { version } = manifest("node_modules/typescript5")
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
  const beside = ["effect", "@types/node", "vitest", "@effect/vitest"].map((name) => `${name}@${devDependencies[name]}`)
  const isInstalled = command("npm install of every tarball into an empty project", "npm", [
    "install", "--ignore-scripts", "--no-audit", "--no-fund", ...packages.map(tarball), ...beside, `typescript@${version}`
  ], { cwd: folder })
  if (!isInstalled) return false
  const native = "build/Release/better_sqlite3.node"
  const from = join(dirname(createRequire(join(root, "packages/sqlite/package.json")).resolve("better-sqlite3/package.json")), native)
  if (existsSync(from)) cpSync(from, join(folder, "node_modules/better-sqlite3", native))
  return true
}

const used = (folder) => {
  cpSync(join(root, "scripts/internal/audit/consumer.ts"), join(folder, "consumer.ts"))
  const compiled = command("tsc --strict, no library skipped", process.execPath, [
    "node_modules/typescript/bin/tsc", "--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "false", "--target", "ES2022",
    "--module", "NodeNext", "--lib", "ES2023,DOM", "--types", "node", "consumer.ts"
  ], { cwd: folder })
  if (compiled) command("the app runs", process.execPath, ["consumer.js"], { cwd: folder })
  const required = `const { Database, Sluice } = require("@sluice/core"); require("assert").equal(typeof Sluice.open, "function"); require("assert").ok(Database.Database)`
  command("require from CommonJS", process.execPath, ["--input-type=commonjs", "--eval", required], { cwd: folder })
}

const shaken = async (folder) => {
  for (const [name, { text, without }] of Object.entries(apps)) {
    const { gzip, packages, size } = await bundled(folder, text)
    const found = without.filter((each) => packages.includes(each))
    check(`bundle of ${name}: ${Math.round(size / 1024)} kB, ${Math.round(gzip / 1024)} kB gzipped`, found.length === 0, `it holds ${found.join(", ")}`)
  }
}

if (await node("scripts/pack.mjs") !== 0) process.exit(1)
const folder = mkdtempSync(join(tmpdir(), "sluice-audit-"))
try {
  for (const each of packages) linted(each)
  if (installed(folder)) {
    used(folder)
    await shaken(folder)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
for (const what of failures) say(`failed: ${what}`)
process.exitCode = failures.length === 0 ? 0 : 1
