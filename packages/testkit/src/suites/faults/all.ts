/**
 * All fault cases.
 */
import type { Case } from "../../Case.js"
import type { Bench } from "../../Faults.js"
import { batches } from "./batches.js"
import { cuts } from "./cuts.js"
import { doctor } from "./doctor.js"
import { hooks } from "./hooks.js"
import { interrupts } from "./interrupts.js"
import { kills } from "./kills.js"
import { silence } from "./silence.js"
import { slowness } from "./slowness.js"

export const cases: ReadonlyArray<Case<Bench>> = [...cuts, ...kills, ...silence, ...slowness, ...doctor, ...hooks, ...interrupts, ...batches]
