/**
 * Where a config's values come from beside its fields: the url, a service, the environment. Each wins over those after it.
 *
 * What a keyword means is in `keywords`. Called by `options`, once per database.
 *
 * @internal
 */
import * as ConnectionString from "@sluice/core/ConnectionString"
import * as Options from "@sluice/core/Options"
import * as EffectConfig from "effect/Config"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { Config } from "../Config.js"
import type { Failure } from "./files.js"
import { over, type Said, saidOf } from "./keywords.js"
import * as ServiceFile from "./serviceFile.js"

/** What all of them say together. */
export const gather = (config: Config): Effect.Effect<Said, Failure> =>
  Effect.gen(function*() {
    const url = config.url === undefined ? {} : yield* ofText(config.url)
    const environment = config.environment === true ? yield* ofEnvironment : {}
    const name = config.service ?? url.service ?? environment.service
    if (name === undefined) {
      if (config.serviceFile !== undefined) yield* Options.refuse("serviceFile", "is of no use without a service")
      return over(environment, url)
    }
    const file = config.serviceFile === undefined ? url.serviceFile ?? environment.serviceFile : { path: config.serviceFile, field: "serviceFile" }
    const folder = config.environment === true ? yield* variable("PGSYSCONFDIR") : undefined
    const service = yield* ServiceFile.read(name, file, folder)
    return over(over(environment, service), url)
  })

/** A URL, or libpq's keywords. */
const ofText = (text: string | Redacted.Redacted): Options.Checked<Said> => {
  const form = /^\s*\w+\s*=/.test(Redacted.isRedacted(text) ? Redacted.value(text) : text) ? "libpq" as const : "url" as const
  return Either.flatMap(ConnectionString.parse(text, { dialect: "postgres", form }), (record) => saidOf(record, (keyword) => `url.${keyword}`))
}

const ofEnvironment: Effect.Effect<Said, Failure> = Effect.flatMap(ConnectionString.fromEnv("postgres"), (record) => saidOf(record, variableOf))

const named: Readonly<Record<string, string>> = { application_name: "PGAPPNAME", connect_timeout: "PGCONNECT_TIMEOUT", TimeZone: "PGTZ" }

const variableOf = (keyword: string): string => named[keyword] ?? `PG${keyword.replaceAll("_", "").toUpperCase()}`

const variable = (name: string): Effect.Effect<string | undefined> =>
  Effect.map(Effect.orElseSucceed(EffectConfig.string(name), () => ""), (value) => value === "" ? undefined : value)
