/**
 * A PostgreSQL of a test's own, by the launcher of the test command: with certificates, with rules of its own, to be full.
 */
import * as Database from "@sluice/core/Database"
import * as Postgres from "@sluice/postgres/Postgres"
import type { Certificate } from "@sluice/testkit/Certificates"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawnSync } from "node:child_process"
import { chmodSync, chownSync, copyFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export interface Instance {
  readonly port: number
  readonly folder: string
  readonly url: string
  /** SIGINT is its fast shutdown: every session is told (57P01). */
  readonly restart: (signal?: "SIGINT" | "SIGQUIT") => Promise<void>
  readonly stop: () => Promise<void>
}

interface Servers {
  readonly find: () => string | undefined
  readonly launch: (bin: string, settings?: Readonly<Record<string, unknown>>, tls?: boolean) => Promise<Instance>
}

// The scripts are plain JavaScript, since they run before an installation: their types are said here.
const servers = await import(fileURLToPath(new URL("../../../scripts/internal/servers/postgres.mjs", import.meta.url))) as Servers

const bin = servers.find() ?? ""

/** Starts one with these settings; it ends with its scope. */
export const instance = (settings: Readonly<Record<string, unknown>> = {}, tls = false): Effect.Effect<Instance, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.promise(() => servers.launch(bin, settings, tls)), (server) => Effect.promise(() => server.stop()))

/** Other lines for its pg_hba.conf, from now on. */
export const rules = ({ folder, port }: Instance, ...lines: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.sync(() => {
    writeFileSync(join(folder, "data", "pg_hba.conf"), ["local all postgres trust", ...lines, ""].join("\n"))
    const told = spawnSync(join(bin, "psql"), ["-h", folder, "-p", String(port), "-U", "postgres", "-c", "SELECT pg_reload_conf()"])
    if (told.status !== 0) throw new Error(String(told.stderr))
    // The postmaster reads them on its own time.
    spawnSync("sleep", ["0.2"])
  })

/** Starts a server with a certificate; PostgreSQL refuses a key that is not its own, so it is given to the user that runs it. */
export const serving = (certificate: Certificate, ca: string) =>
  Effect.gen(function*() {
    const server = yield* instance()
    const owner = statSync(join(server.folder, "data"))
    for (const [from, to] of [[certificate.files.cert, "server.crt"], [certificate.files.key, "server.key"], [ca, "ca.crt"]] as const) {
      const path = join(server.folder, "data", to)
      copyFileSync(from, path)
      chownSync(path, owner.uid, owner.gid)
      chmodSync(path, 0o600)
    }
    yield* admin(server, "ALTER SYSTEM SET ssl_ca_file = 'ca.crt'", "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()", "SELECT pg_sleep(0.2)")
    return server
  })

/** Statements of the administrator, by the socket. */
export const admin = ({ folder, port }: Instance, ...statements: ReadonlyArray<string>) =>
  Effect.forEach(statements, (sql) => Effect.flatMap(Database.Database, (db) => db.unsafe(sql)), { discard: true }).pipe(
    Effect.provide(Postgres.layer({ host: folder, port, username: "postgres", pool: { max: 1 } })),
    Effect.orDie
  )
