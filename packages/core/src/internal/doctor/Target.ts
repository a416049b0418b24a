/**
 * The target: what each of the servers is, and whether one of them is what `targetSessionAttrs` wants.
 *
 * A server of another role is no failure, since another one may be it: the verdict comes when all of them were asked. One for
 * each examination.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Check, Wanted } from "../../Examination.js"
import { suits } from "../hosts/Known.js"
import type { Sheet } from "./Sheet.js"

const name = "targetSessionAttrs"

export class Target {
  private asked = 0
  private fit = 0

  constructor(private readonly wanted: Wanted) {}

  readonly check: Check = {
    name: "role",
    run: (connection) => Effect.map(this.wanted.role(connection), (role) => {
      const isFit = suits(this.wanted.target, role)
      this.asked++
      if (isFit) this.fit++
      return { detail: `${role.isStandby ? "a standby" : "a primary"}, ${role.isReadOnly ? "read-only" : "read-write"}${isFit ? "" : `: not ${this.words}`}` }
    })
  }

  private get words(): string {
    const { target } = this.wanted
    return target === "read-write" || target === "read-only" ? target : `a ${target === "prefer-standby" ? "standby" : target}`
  }

  /** The verdict, when every server was asked. */
  write(sheet: Sheet): void {
    if (this.asked === 0) return sheet.skipped(name, undefined, "no server was asked for its role")
    const detail = `${this.fit} of ${this.asked} ${this.asked === 1 ? "is" : "are"} ${this.words}`
    const isMissing = this.fit === 0 && this.wanted.target !== "prefer-standby"
    sheet.done(name, undefined, 0, isMissing
      ? { detail, problem: `no connection is made before one is: check \`hosts\` and \`${name}\`, or the servers` }
      : { detail })
  }
}
