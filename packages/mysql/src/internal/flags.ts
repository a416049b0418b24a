/**
 * Client flags: the capabilities that a client announces when it logs in, beyond those that have a field of their own.
 *
 * The driver's parser depends on the others: they are refused. Called by `options`.
 *
 * @internal
 */
import * as Options from "@sluice/core/Options"
import * as Either from "effect/Either"

// Those of `mysql_com.h` that change what the server does, and not how the protocol is spoken.
const free: ReadonlySet<string> = new Set(["INTERACTIVE", "NO_SCHEMA", "ODBC", "CONNECT_ATTRS", "CAN_HANDLE_EXPIRED_PASSWORDS", "REMEMBER_OPTIONS"])

const ours: Readonly<Record<string, string>> = {
  // It is a mode that a reset would drop.
  IGNORE_SPACE: "sqlMode",
  FOUND_ROWS: "affectedRows", LOCAL_FILES: "localInfile", MULTI_STATEMENTS: "multipleStatements", COMPRESS: "compress", SSL: "tls",
  CONNECT_WITH_DB: "database"
}

/** The flags as the driver takes them; a dash before a name switches it off. */
export const flagsOf = (flags: ReadonlyArray<string>): Options.Checked<ReadonlyArray<string>> => {
  const out: Array<string> = []
  for (const flag of flags) {
    const name = flag.replace(/^-/, "").replace(/^CLIENT_/i, "").toUpperCase()
    const field = Object.hasOwn(ours, name) ? ours[name] : undefined
    if (field !== undefined) return Options.refuse("clientFlags", `must not hold ${name}: it has a field of its own, ${field}`)
    if (!free.has(name)) return Options.refuse("clientFlags", `must be of ${[...free].join(", ")}, with a dash before what is switched off; was ${JSON.stringify(flag)}`)
    out.push(flag.startsWith("-") ? `-${name}` : name)
  }
  return Either.right(out)
}
