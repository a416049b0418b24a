/**
 * MariaDB and MySQL itself under the fault suite: servers of this file's own, since they are killed.
 */
import * as Mysql from "@sluice/mysql/Mysql"
import * as Faults from "@sluice/testkit/Faults"
import type * as LocalServer from "@sluice/testkit/LocalServer"
import type * as Profile from "@sluice/testkit/Profile"
import { mariadb, mysql } from "@sluice/testkit/profiles/mysql"
import { mariadb as mariadbServer } from "@sluice/testkit/servers/mariadb"
import { mysql as mysqlServer } from "@sluice/testkit/servers/mysql"

const on = (profile: Profile.Profile, server: LocalServer.Options | undefined): void =>
  Faults.faults(profile.name, {
    profile,
    server,
    layer: (endpoint, config) => Mysql.layer({ username: "root", database: "test", ...endpoint, ...config })
  })

on(mariadb, mariadbServer)
// It may be absent, as in the other suites.
if (mysqlServer !== undefined) on(mysql, mysqlServer)
