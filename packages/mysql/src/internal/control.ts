/**
 * Control: the connections beside the pool by which statements are stopped, one to each server that a lease is on.
 *
 * One is opened when the first statement of its server is to be stopped, kept, and opened again when it was lost. It goes
 * to the address that the lease was on, and kills nothing where another server answers there (law S5): a name or a
 * virtual address may have moved, and an id means somebody else's session elsewhere. It does not know when a statement may
 * be stopped without hitting another: that is `settle`. Made by the public module.
 *
 * @internal
 */
import * as Reason from "@sluice/core/Reason"
import * as SqlError from "@sluice/core/SqlError"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import type { Settings } from "./options.js"
import * as Server from "./server.js"
import { connect, type Wire } from "./wire.js"

export interface Control {
  /** Ends when the server has taken note: `statement` stops what runs in that session, `session` ends it. */
  readonly kill: (id: number, what: "statement" | "session") => Effect.Effect<void, SqlError.SqlError>
}

export interface Controls {
  /** The control of the server that a wire is connected to. */
  readonly of: (wire: Wire, settings: Settings, server: Server.Server) => Control
}

/** Controls that are closed with their scope. */
export const make: Effect.Effect<Controls, never, Scope.Scope> = Effect.gen(function*() {
  const lines = new Map<string, Line>()
  const open = new Open()
  yield* Effect.addFinalizer(() => open.close)
  return {
    of: (wire, settings, { identity, version }) => {
      const { remoteAddress, remotePort } = wire.raw.stream
      const address = remoteAddress === undefined || remotePort === undefined ? undefined : { host: remoteAddress, port: remotePort }
      const key = `${address === undefined ? settings.endpoint : `${address.host} ${address.port}`} ${identity ?? ""}`
      const known = lines.get(key)
      if (known !== undefined) return known
      // Servers come and go behind a name: those that are gone are forgotten.
      for (const [other, line] of lines) if (line.isSpent) lines.delete(other)
      const line = new Line(at(settings, address), identity, open, /mariadb/i.test(version))
      lines.set(key, line)
      return line
    }
  }
})

/**
 * What is open, apart from the lines: one that was forgotten may be opened again by a lease that still has it. A session that the end
 * of the pool has given up is killed after that end: whoever has a connection then closes it.
 */
class Open {
  private readonly wires = new Set<Wire>()
  private isOver = false

  readonly close = Effect.suspend(() => {
    this.isOver = true
    return Effect.forEach(this.wires, (wire) => this.left(wire), { concurrency: "unbounded", discard: true })
  })

  add(wire: Wire, before: Wire | undefined): void {
    if (before !== undefined) this.wires.delete(before)
    this.wires.add(wire)
  }

  /** Nobody sends on it now. */
  left(wire: Wire): Effect.Effect<void> {
    return Effect.suspend(() => this.isOver && wire.isIdle ? wire.quit : Effect.void)
  }
}

/** The control of one server. */
class Line implements Control {
  private wire: Wire | undefined
  private readonly opening = Effect.unsafeMakeSemaphore(1)

  constructor(
    private readonly settings: Settings,
    private readonly identity: string | undefined,
    private readonly wires: Open,
    private readonly isMariadb: boolean
  ) {}

  /** It was used, and lost its connection. */
  get isSpent(): boolean {
    return this.wire?.isClosed === true
  }

  // An idle control may have been closed by the server's wait_timeout: one more attempt opens another.
  kill(id: number, what: "statement" | "session"): Effect.Effect<void, SqlError.SqlError> {
    const sent = Effect.catchIf(this.send(id, what), (error) => error.connection === "broken", () => this.send(id, what))
    return Effect.ensuring(sent, Effect.suspend(() => this.wire === undefined ? Effect.void : this.wires.left(this.wire)))
  }

  private send(id: number, what: "statement" | "session"): Effect.Effect<void, SqlError.SqlError> {
    return Effect.flatMap(this.opened, (wire) =>
      // Whoever gave up waiting saw it mute: the next one gets another.
      Effect.onInterrupt(wire.text(what === "session" ? `KILL ${id}` : this.isMariadb ? killQueryId(id) : `KILL QUERY ${id}`, "cancel"), () => Effect.sync(() => wire.destroy()))
    ).pipe(
      // A session that is gone already runs nothing, and a statement that is over does not either.
      Effect.catchIf((error) => error.reason.code === noSuchThread || error.reason.code === noSuchQuery, () => Effect.void),
      Effect.asVoid
    )
  }

  private get opened(): Effect.Effect<Wire, SqlError.SqlError> {
    return this.opening.withPermits(1)(Effect.suspend(() =>
      this.wire !== undefined && !this.wire.isClosed ? Effect.succeed(this.wire) : this.open))
  }

  private get open(): Effect.Effect<Wire, SqlError.SqlError> {
    const kept = (wire: Wire) =>
      Effect.sync(() => {
        this.wires.add(wire, this.wire)
        return this.wire = wire
      })
    return connect(this.settings, (wire) =>
      this.identity === undefined ? kept(wire) : Effect.flatMap(Server.ask(wire), ({ identity }) =>
        identity === this.identity ? kept(wire) : SqlError.fail(elsewhere(this.settings.endpoint))))
  }
}

// The address of the lease's own socket, while TLS still checks the name. A KILL needs no database.
const at = (settings: Settings, address: { readonly host: string; readonly port: number } | undefined): Settings => {
  const { database: _, ...driver } = settings.driver
  return {
    ...settings,
    session: [],
    driver: address === undefined ? driver : { ...driver, stream: () => Net.connect({ ...address, noDelay: true }) }
  }
}

// The statement that runs in the session now, by its own number: however late the KILL is, it stops no other one.
const killQueryId = (id: number): string =>
  `BEGIN NOT ATOMIC DECLARE victim BIGINT DEFAULT (SELECT QUERY_ID FROM information_schema.PROCESSLIST WHERE ID = ${id} AND COMMAND <> 'Sleep'); `
  + "IF victim IS NOT NULL THEN EXECUTE IMMEDIATE CONCAT('KILL QUERY ID ', victim); END IF; END"

const noSuchThread = 1094
const noSuchQuery = 1957

const elsewhere = (endpoint: string): Reason.ConnectionError =>
  new Reason.ConnectionError({
    message: `another server answers at ${endpoint} than the one that the statement runs on: nothing was killed`,
    operation: "cancel",
    connection: "unknown",
    outcome: "not-applied"
  })
