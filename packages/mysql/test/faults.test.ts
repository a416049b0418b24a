/**
 * MariaDB under the fault suite: a server of this file's own, since it is killed.
 */
import * as Mysql from "@sluice/mysql/Mysql"
import * as Faults from "@sluice/testkit/Faults"
import { mariadb } from "@sluice/testkit/profiles/mysql"
import { mariadb as server } from "@sluice/testkit/servers/mariadb"

Faults.faults("mariadb", {
  profile: mariadb,
  server,
  layer: (endpoint, config) => Mysql.layer({ username: "root", database: "test", ...endpoint, ...config })
})
