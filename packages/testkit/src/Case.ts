/**
 * A case: one behaviour that a law asks for, as data. The suite runs it, `promises` lists it.
 *
 * It runs nothing by itself. Written in `suites/*`, one array per family of laws.
 *
 * @since 0.1.0
 */
import type * as Reactivity from "@effect/experimental/Reactivity"
import type * as Database from "@sluice/core/Database"
import type * as SqlError from "@sluice/core/SqlError"
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as SqlClient from "@effect/sql/SqlClient"
import type * as Law from "./Law.js"
import type * as Profile from "./Profile.js"

/**
 * What a case gets: the profile, and databases that are fresh and empty.
 *
 * When the case has ended, the suite asks every database that was opened here whether its pool's counts add up and
 * whether its server still runs something.
 *
 * @example
 * ```ts
 * import type { Case } from "@sluice/testkit"
 * import { Effect } from "effect"
 *
 * const run = (bench: Case.Bench) => Effect.flatMap(bench.open({ pool: { max: 2 } }), (db) => db.ping)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Bench {
  /** The dialect that is asked. */
  readonly profile: Profile.Profile
  /** A fresh database with an empty table `things`, open until the case has ended. */
  readonly open: (config?: Database.Config) => Effect.Effect<Database.Database, SqlError.SqlError>
  /** A fresh and empty database in a scope of the case's own, with every tag that its layer provides, and its Reactivity. */
  readonly build: (
    config?: Database.Config
  ) => Effect.Effect<Context.Context<Database.DatabaseId | SqlClient.SqlClient | Reactivity.Reactivity>, SqlError.SqlError, Scope.Scope>
}

/**
 * A case. What it gets is a `Bench`, or that of the faults.
 *
 * @example
 * ```ts
 * import type { Case } from "@sluice/testkit"
 * import { Effect } from "effect"
 *
 * const answers: Case.Case = {
 *   law: "E1",
 *   title: "a ping is answered",
 *   run: (bench) => Effect.flatMap(bench.open(), (db) => db.ping)
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Case<in B = Bench> {
  /** The law that it belongs to. */
  readonly law: Law.Law
  /** A sentence that a user would recognise. */
  readonly title: string
  /** What a profile must have; without it the case does not apply. */
  readonly needs?: ReadonlyArray<Profile.Need>
  /** How long it may take, in milliseconds. Default 20,000. */
  readonly within?: number
  /** Fails or dies where the promise is not kept. */
  readonly run: (bench: B) => Effect.Effect<void, unknown, Scope.Scope>
}

/**
 * Why a case does not apply to a profile; `undefined` where it does.
 *
 * @example
 * ```ts
 * import { Case, type Profile } from "@sluice/testkit"
 *
 * const isSkipped = (one: Case.Case, profile: Profile.Profile) => Case.exemption(one, profile) !== undefined
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const exemption = (self: Pick<Case, "law" | "needs">, profile: Profile.Profile): string | undefined =>
  profile.exempt[self.law] ?? self.needs?.find((need) => !profile.has.has(need))
