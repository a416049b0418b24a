/**
 * PostgreSQL: found on this machine, and run as an instance of its own.
 *
 * Its administrator is `postgres`, who has no password; the roles `scram` and `scram2`, where a test makes them, need one. Called by the
 * registry of servers, and by tests that need a PostgreSQL of their own: with certificates, to be killed, to be full.
 */
import { spawnSync } from "node:child_process"
import { appendFileSync, existsSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { complete, freePort, remove, running, temporary } from "./process.mjs"

/** The folder of the server's programs, where it is here: the newest of Debian's, or the one on the PATH. */
export const find = () => {
  const versions = existsSync("/usr/lib/postgresql") ? readdirSync("/usr/lib/postgresql").toSorted((a, b) => Number(b) - Number(a)) : []
  const told = spawnSync("pg_config", ["--bindir"], { encoding: "utf8" }).stdout?.trim()
  const folders = [...versions.map((version) => `/usr/lib/postgresql/${version}/bin`), told, "/opt/homebrew/bin"]
  return folders.find((folder) => folder !== undefined && existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")))
}

// Durability is nobody's wish here: what is tested is what a client sees.
const settings = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  // A query without end looks dear enough to be compiled: 60 ms of CPU for each that a test interrupts at once.
  jit: "off",
  max_connections: 200,
  max_prepared_transactions: 20,
  max_wal_senders: 4,
  logging_collector: "off",
  listen_addresses: "'127.0.0.1'"
}

// For 127.0.0.1 and localhost, by nobody but itself.
const certificate = (folder) => {
  complete([
    "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=localhost",
    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", join(folder, "server.key"), "-out", join(folder, "server.crt")
  ])
  return { ssl: "on", ssl_cert_file: `'${join(folder, "server.crt")}'`, ssl_key_file: `'${join(folder, "server.key")}'` }
}

/**
 * Makes the data and starts the server at this folder, with further settings; with `tls` it serves nobody without TLS, by
 * the certificate `server.crt` in its folder. Answers with the port, the folder of its
 * socket, the url of its administrator, `restart`, and `stop`, which leaves nothing behind.
 */
export const launch = async (bin, more = {}, tls = false) => {
  const folder = temporary("sluice-postgres-")
  try {
    const data = join(folder, "data")
    complete([join(bin, "initdb"), "--auth=trust", "--no-sync", "--username=postgres", "--encoding=UTF8", "--locale=C", `--pgdata=${data}`])
    writeFileSync(join(data, "pg_hba.conf"), [
      "host all scram,scram2 127.0.0.1/32 scram-sha-256",
      "local all all trust",
      `${tls ? "hostssl" : "host"} all all 127.0.0.1/32 trust`,
      "host replication all 127.0.0.1/32 trust",
      ""
    ].join("\n"))
    const all = { ...settings, ...more, ...(tls ? certificate(folder) : {}), unix_socket_directories: `'${folder}'` }
    appendFileSync(join(data, "postgresql.conf"), Object.entries(all).map(([name, value]) => `${name} = ${value}\n`).join(""))
    const port = await freePort()
    const command = [join(bin, "postgres"), "-D", data, "-p", String(port)]
    let server = await running(command, port)
    await ready(bin, port)
    return {
      port,
      folder,
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      // SIGINT is its fast shutdown, SIGQUIT the immediate one; SIGTERM would wait for every session.
      restart: async (signal = "SIGINT") => {
        await server.stop(signal)
        server = await running(command, port)
        await ready(bin, port)
      },
      stop: async () => {
        await server.stop("SIGINT")
        remove(folder)
      }
    }
  } catch (error) {
    remove(folder)
    throw error
  }
}

/** It listens before it serves. */
const ready = async (bin, port) => {
  const until = Date.now() + 20_000
  while (Date.now() < until) {
    if (spawnSync(join(bin, "pg_isready"), ["-q", "-h", "127.0.0.1", "-p", String(port)]).status === 0) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error("it does not serve after 20 seconds")
}
