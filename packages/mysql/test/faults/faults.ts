/**
 * The fault suite on one kind of server. A file for each: they run side by side.
 */
import * as Mysql from "@sluice/mysql/Mysql"
import * as Faults from "@sluice/testkit/Faults"
import type * as LocalServer from "@sluice/testkit/LocalServer"
import type * as Profile from "@sluice/testkit/Profile"

export const faults = (profile: Profile.Profile, server: LocalServer.Options | undefined): void =>
  Faults.faults(profile.name, {
    profile,
    server,
    layer: (endpoint, config) => Mysql.layer({ username: "root", database: "test", ...endpoint, ...config })
  })
