/**
 * The mode that a record of TLS comes to, and what contradicts it.
 *
 * @internal
 */
import * as Either from "effect/Either"
import { type Checked, refuse } from "../../Options.js"
import type { Mode, Tls } from "../../Tls.js"

export const modes: ReadonlyArray<Mode> = ["disable", "prefer", "require", "verify-ca", "verify-full"]

export const modeOf = (tls: Tls): Checked<Mode> => {
  const { ca, mode, trustServerCertificate: trusts } = tls
  if (mode !== undefined && !modes.includes(mode)) return refuse("tls.mode", `must be one of ${modes.join(", ")}`)
  if (mode === "disable") return Either.right(mode)
  if (trusts === true) {
    const checking = checks.find((field) => tls[field] !== undefined)
    if (checking !== undefined) return refuse("tls.trustServerCertificate", `trusts whoever answers, and tls.${checking} is there to check it: give one of them`)
    if (mode !== undefined && mode !== "require") return refuse("tls.trustServerCertificate", `means tls.mode "require", and ${mode} is given: give one of them`)
    return Either.right("require")
  }
  if (trusts === false && mode === "require" && ca === undefined) return refuse("tls.trustServerCertificate", "is false, and tls.mode \"require\" checks nobody: verify-full does")
  // As libpq: who names an authority wants it to be looked at.
  return Either.right(mode === "require" && ca !== undefined ? "verify-ca" : mode ?? "verify-full")
}

const checks = ["ca", "crl", "checkServerIdentity"] as const
