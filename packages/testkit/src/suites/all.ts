/**
 * All cases of the suite, in the order of the laws.
 */
import type { Case } from "../Case.js"
import { errors } from "./errors.js"
import { interruption } from "./interruption.js"
import { pool } from "./pool.js"
import { statements } from "./statements.js"

export const cases: ReadonlyArray<Case> = [...errors, ...statements, ...pool, ...interruption]
