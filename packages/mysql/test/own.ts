/**
 * A server of a test's own, by the launchers of the test command: with certificates, with settings of its own.
 *
 * Where its program is not on this machine it is `undefined`, and its tests are skipped; `npm test` gets both.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { fileURLToPath } from "node:url"

export interface Instance {
  readonly port: number
  readonly socket: string
  readonly url: string
  readonly stop: () => Promise<void>
}

interface Launcher {
  readonly find: () => unknown
  readonly launch: (found: unknown, args: ReadonlyArray<string>) => Promise<Instance>
}

// The scripts are plain JavaScript, since they run before an installation: their types are said here.
const launcher = (name: string): Promise<Launcher> => import(fileURLToPath(new URL(`../../../scripts/internal/servers/${name}.mjs`, import.meta.url)))

export interface Kind {
  readonly name: "mariadb" | "mysql"
  /** Starts one with further arguments; it ends with its scope. */
  readonly launch: (args: ReadonlyArray<string>) => Effect.Effect<Instance, never, Scope.Scope>
}

const kindOf = async (name: Kind["name"]): Promise<ReadonlyArray<Kind>> => {
  const { find, launch } = await launcher(name)
  const found = find()
  return found === undefined ? [] : [{
    name,
    launch: (args) => Effect.acquireRelease(Effect.promise(() => launch(found, args)), (instance) => Effect.promise(() => instance.stop()))
  }]
}

/** The servers that can be started here. */
export const kinds: ReadonlyArray<Kind> = [...await kindOf("mariadb"), ...await kindOf("mysql")]
