/**
 * The process whose memory is measured. Started by `Streaming`.
 */
import { growth } from "../Reading.js"
import { readers } from "./Readers.js"

await growth(readers)
