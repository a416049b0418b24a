/**
 * What runs on the database without being written for it: the cases of V5 that need no package but @effect/sql itself.
 */
import type { Case } from "../../Case.js"
import { clients } from "./clients.js"
import { migrations } from "./migrations.js"
import { models } from "./models.js"
import { queues } from "./queues.js"
import { resolvers } from "./resolvers.js"

export const ecosystem: ReadonlyArray<Case> = [...resolvers, ...models, ...migrations, ...queues, ...clients]
