/**
 * The process whose memory is measured. Started by `Loading`.
 */
import * as Effect from "effect/Effect"
import { load } from "../Loading.js"
import { row } from "../Visits.js"
import { table } from "./Data.js"
import * as Opened from "./Opened.js"

await load((file) => Effect.tap(Opened.ours(file, true), (db) => db.unsafe(table("arrivals", " PRIMARY KEY"))), row)
