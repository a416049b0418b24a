/**
 * MySQL and MariaDB under what is written for @effect/sql: by `Mysql.layerStock`, and by `Mysql.layer`, which the conformance
 * suite asks for the rest.
 */
import * as Conformance from "@sluice/testkit/Conformance"
import type * as Profile from "@sluice/testkit/Profile"
import { mariadb, mysql } from "@sluice/testkit/profiles/mysql"
import { ecosystem } from "../../../testkit/test/ecosystem/ecosystem.js"
import { onServers } from "./stock.js"

// There `withTransaction` goes on after DDL, as the stock client's does.
const migrating = (profile: Profile.Profile): Profile.Profile => ({ ...profile, has: new Set([...profile.has, "migrations"]) })

onServers("what is written for @effect/sql", (stock, server) => {
  const { hostname, port } = new URL(server.url)
  const options = {
    cluster: stock,
    builder: "mysql",
    duplicate: { code: "ER_DUP_ENTRY", errno: 1062, sqlState: "23000" },
    system: "mysql",
    uniqueStatus: "23000",
    server: [hostname, Number(port)]
  } as const
  Conformance.conformance("layerStock", { profile: migrating(server.name === "mysql" ? mysql : mariadb), layer: stock, laws: ["V5", "V10"] })
  ecosystem("layerStock", { ...options, layer: (config) => stock({ ...config, dates: "string" }) })
  ecosystem("layer", { ...options, layer: server.fresh })
})
