/**
 * MySQL itself under the fault suite. It may be absent, as in the other suites, which say so.
 */
import { mysql } from "@sluice/testkit/profiles/mysql"
import { mysql as server } from "@sluice/testkit/servers/mysql"
import { describe } from "vitest"
import { faults } from "./faults.js"

describe.skipIf(server === undefined)("MySQL itself", () => {
  faults(mysql, server)
})
