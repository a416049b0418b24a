/**
 * PostgreSQL under what is written for @effect/sql: by `Postgres.layerStock`, and by `Postgres.layer`, which the conformance
 * suite asks for the rest.
 */
import * as Conformance from "@sluice/testkit/Conformance"
import { postgres } from "@sluice/testkit/profiles/postgres"
import { describe } from "vitest"
import { ecosystem } from "../../../testkit/test/ecosystem/ecosystem.js"
import { fresh, isMissing, url } from "../server.js"
import { stock } from "./stock.js"

describe.skipIf(isMissing)("what is written for @effect/sql", () => {
  const { hostname, port } = new URL(url ?? "postgres://127.0.0.1:1")
  const options = {
    cluster: stock,
    builder: "pg",
    duplicate: { code: "23505", constraint: "users_name_key" },
    system: "postgresql",
    uniqueStatus: "23505",
    server: [hostname, Number(port)]
  } as const
  // Its int8 are texts, as the stock driver's are; what the suite asks for are numbers.
  Conformance.conformance("layerStock", { profile: postgres, layer: (config) => stock({ integers: "number", ...config }), laws: ["V5", "V10"] })
  ecosystem("layerStock", { ...options, layer: (config) => stock({ ...config, dates: "string" }) })
  ecosystem("layer", { ...options, layer: fresh })
})
