/**
 * All fault cases, in the order of the laws.
 */
import type { Case } from "../../Case.js"
import type { Bench } from "../../Faults.js"
import { cuts } from "./cuts.js"

export const cases: ReadonlyArray<Case<Bench>> = [...cuts]
