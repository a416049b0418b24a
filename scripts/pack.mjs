/**
 * `npm run pack`: a tarball of every package in out/packs, as it would be published.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { prepare } from "./internal/build.mjs"
import { pnpm } from "./internal/pnpm.mjs"
import { packages, root, say } from "./internal/repository.mjs"

// What an earlier source had made would be packed as well.
for (const name of packages) rmSync(join(root, name, "dist"), { recursive: true, force: true })
await prepare()
const folder = join(root, "out/packs")
// A tarball of an earlier version would pass for one of this.
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
for (const name of packages) {
  say(`packing ${name}`)
  const code = await pnpm(["--dir", join(root, name), "pack", "--pack-destination", folder])
  if (code !== 0) process.exit(code)
}
const tarballs = readdirSync(folder).toSorted()
for (const file of tarballs) console.log(`out/packs/${file}  ${Math.ceil(statSync(join(folder, file)).size / 1024)} kB`)
if (tarballs.length !== packages.length) {
  say(`${packages.length} packages gave ${tarballs.length} tarballs.`)
  process.exitCode = 1
}
