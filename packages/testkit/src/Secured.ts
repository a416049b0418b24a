/**
 * The suite of TLS: what a dialect with a server must make of core's `Tls`, against servers with certificates that are made for it.
 *
 * The cases are in `suites/secured`, as data; here each gets the servers, which are started once. Called by a dialect's own tests.
 *
 * @since 0.1.0
 */
import { describe, it } from "@effect/vitest"
import * as Database from "@sluice/core/Database"
import type * as Doctor from "@sluice/core/Doctor"
import type * as SqlError from "@sluice/core/SqlError"
import type * as Tls from "@sluice/core/Tls"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { afterAll, beforeAll } from "vitest"
import type * as Case from "./Case.js"
import * as Certificates from "./Certificates.js"
import { laws } from "./Law.js"
import { cases } from "./suites/secured.js"

/**
 * A server that a case is given: it is reached by `localhost` and by 127.0.0.1.
 *
 * @example
 * ```ts
 * import type { Secured } from "@sluice/testkit"
 *
 * const url = (server: Secured.Server) => `postgres://localhost:${server.port}`
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Server {
  /** Where it listens. */
  readonly port: number
}

/**
 * Where a case connects to, and as whom: `certified` must show a client's certificate for the name `certified`.
 *
 * @example
 * ```ts
 * import type { Secured } from "@sluice/testkit"
 *
 * const endpoint: Secured.Endpoint = { host: "localhost", port: 5432, user: "admin" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Endpoint extends Server {
  /** `localhost`, or its address. */
  readonly host: string
  /** As whom. */
  readonly user: "admin" | "certified"
}

/**
 * How the suite reaches a dialect and its servers.
 *
 * @example
 * ```ts
 * import type { Secured } from "@sluice/testkit"
 *
 * const isTold = (options: Secured.Options) => options.encrypted.startsWith("SELECT")
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Starts a server with this certificate, which trusts clients of this authority (its file) and has both users; `undefined`: one without TLS. */
  readonly launch: (certificate: Certificates.Certificate | undefined, ca: string) => Effect.Effect<Server, unknown, Scope.Scope>
  /** A database of it. */
  readonly layer: (endpoint: Endpoint, tls: boolean | Tls.Tls) => Layer.Layer<Database.DatabaseId, SqlError.SqlError>
  /** The dialect's doctor on the same. */
  readonly doctor: (endpoint: Endpoint, tls: boolean | Tls.Tls) => Effect.Effect<Doctor.Report>
  /** A query whose one value is 1 where its session is over TLS. */
  readonly encrypted: string
}

/**
 * What a case gets.
 *
 * @example
 * ```ts
 * import type { Secured } from "@sluice/testkit"
 *
 * const trusted = ({ authority, server, seen }: Secured.Bench) => seen(server, { ca: authority.ca })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Bench {
  /** The authority of both servers' certificates. */
  readonly authority: Certificates.Authority
  /** A server whose certificate is for `localhost`, and that certificate. */
  readonly server: Server & { readonly certificate: Certificates.Certificate }
  /** One whose certificate is for `localhost` and has expired. */
  readonly expired: Server
  /** One without TLS. */
  readonly plain: Server
  /** Connects, to `localhost` as the administrator unless it is told otherwise: whether the session is over TLS. */
  readonly seen: (server: Server, tls: boolean | Tls.Tls, other?: Partial<Endpoint>) => Effect.Effect<"tls" | "plain", SqlError.SqlError>
  /** What the doctor finds there. */
  readonly examined: (server: Server, tls: boolean | Tls.Tls, other?: Partial<Endpoint>) => Effect.Effect<Doctor.Report>
}

/**
 * Declares the suite for one kind of server, in a test file of vitest.
 *
 * @example
 * ```ts
 * import { Secured } from "@sluice/testkit"
 *
 * const declare = (options: Secured.Options) => Secured.secured("postgres", options)
 * ```
 *
 * @category suites
 * @since 0.1.0
 */
export const secured = (name: string, options: Options): void => {
  describe(`${name}: C1 ${laws.C1.promise}`, () => {
    const scope = Effect.runSync(Scope.make())
    let bench: Bench | undefined
    beforeAll(async () => {
      bench = await Effect.runPromise(Scope.extend(make(options), scope))
    }, 180_000)
    afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)), 30_000)
    const run = (one: Case.Case<Bench>) => bench === undefined ? Effect.dieMessage("no server") : Effect.scoped(one.run(bench))
    for (const one of cases) it.live(one.title, () => run(one), 20_000)
  })
}

const make = (options: Options): Effect.Effect<Bench, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const authority = yield* Certificates.authority
    const certificate = authority.issue("server", "DNS:localhost")
    const [server, expired, plain] = yield* Effect.all([
      options.launch(certificate, authority.file),
      options.launch(authority.issue("late", "DNS:localhost", "expired"), authority.file),
      options.launch(undefined, authority.file)
    ])
    return {
      authority,
      server: { ...server, certificate },
      expired,
      plain,
      examined: ({ port }, tls, other) => options.doctor({ host: "localhost", user: "admin", ...other, port }, tls),
      seen: ({ port }, tls, other) =>
        Effect.flatMap(Database.Database, (db) => db.unsafe<Record<string, unknown>>(options.encrypted).values).pipe(
          Effect.map(([row]) => Number(row?.[0]) === 1 ? "tls" as const : "plain" as const),
          Effect.provide(options.layer({ host: "localhost", user: "admin", ...other, port }, tls))
        )
    }
  })
