/**
 * All cases of the suite, in the order of the laws.
 */
import type { Case } from "../Case.js"
import { alike } from "./alike.js"
import { batches } from "./batches.js"
import { bulk } from "./bulk.js"
import { columns } from "./columns.js"
import { copies } from "./copies.js"
import { databases } from "./databases.js"
import { deadLetters } from "./deadLetters.js"
import { decoders } from "./decoders.js"
import { ecosystem } from "./ecosystem/all.js"
import { doctor } from "./doctor.js"
import { errors } from "./errors.js"
import { interruption } from "./interruption.js"
import { looking } from "./looking.js"
import { merging } from "./merging.js"
import { once } from "./once.js"
import { pool } from "./pool.js"
import { promises } from "./promised.js"
import { replicas } from "./replicas.js"
import { repositories } from "./repositories.js"
import { resolvers } from "./resolvers.js"
import { scripts } from "./scripts.js"
import { rollback } from "./rollback.js"
import { sessions } from "./sessions.js"
import { statements } from "./statements.js"
import { streams } from "./streams.js"
import { schemas } from "./schemas.js"
import { tables } from "./tables.js"
import { transactions } from "./transactions.js"
import { verbs } from "./verbs.js"

export const cases: ReadonlyArray<Case> = [
  ...errors, ...statements, ...pool, ...interruption, ...transactions, ...streams, ...batches, ...alike, ...once, ...deadLetters, ...merging, ...bulk, ...copies, ...verbs, ...scripts, ...resolvers, ...sessions, ...replicas, ...columns, ...tables, ...schemas, ...promises, ...looking, ...repositories, ...ecosystem, ...decoders, ...rollback, ...databases, ...doctor
]
