/**
 * MySQL itself, where it is here, against the conformance suite.
 */
import { mysql } from "@sluice/testkit/profiles/mysql"
import { conformance } from "./conformance.js"

conformance("mysql", mysql)
