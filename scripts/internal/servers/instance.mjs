/**
 * One instance of a server of MySQL's family: its data in a temporary folder, a free port, and nobody else's.
 *
 * It knows what the servers share; how each one's data is made is in `mariadb` and `mysql`. Called by those, and by tests
 * that need a server of their own: with certificates, to be killed, to be full.
 */
import { join } from "node:path"
import { freePort, remove, running, temporary } from "./process.mjs"

/**
 * Makes the data and starts the server with further arguments. Answers with the port, the socket's path, the url of its
 * administrator, who has no password, `restart`, and `stop`, which leaves nothing behind.
 */
export const instance = async (name, prepare, args = []) => {
  const folder = temporary(`sluice-${name}-`)
  try {
    const socket = join(folder, "socket")
    const port = await freePort()
    const command = [
      ...await prepare(folder),
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      `--socket=${socket}`,
      // A server that starts deletes the temporary tables that it finds, others' too.
      `--tmpdir=${folder}`,
      `--pid-file=${join(folder, "pid")}`,
      "--skip-name-resolve",
      "--local-infile=1",
      ...args
    ]
    let server = await running(command, port)
    return {
      port,
      socket,
      folder,
      url: `mysql://root@127.0.0.1:${port}`,
      restart: async (signal) => {
        await server.stop(signal)
        server = await running(command, port)
      },
      stop: async () => {
        await server.stop()
        remove(folder)
      }
    }
  } catch (error) {
    remove(folder)
    throw error
  }
}
