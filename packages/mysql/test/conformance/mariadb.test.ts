/**
 * MariaDB against the conformance suite.
 */
import { mariadb } from "@sluice/testkit/profiles/mysql"
import { conformance } from "./conformance.js"

conformance("mariadb", mariadb)
