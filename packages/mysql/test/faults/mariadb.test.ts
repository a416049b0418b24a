/**
 * MariaDB under the fault suite: a server of this file's own, since it is killed.
 */
import { mariadb } from "@sluice/testkit/profiles/mysql"
import { mariadb as server } from "@sluice/testkit/servers/mariadb"
import { faults } from "./faults.js"

faults(mariadb, server)
