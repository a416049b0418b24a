/**
 * The process whose memory is measured. Started by `Loading`.
 */
import { load } from "../Loading.js"
import { type Place, row } from "../Served.js"
import * as Opened from "./Opened.js"

await load((place) => Opened.ours(JSON.parse(place) as Place), row)
