import * as E from "effect/Effect"
export const tmp = E.void
