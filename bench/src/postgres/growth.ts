/**
 * The process whose memory is measured. Arguments: the contender, where the database is, its rows, the rows to read.
 * Started by `Streaming`.
 */
import { report } from "../Growth.js"
import type { Place } from "./Data.js"
import { type Name, names, readers } from "./Readers.js"

const isName = (text: string | undefined): text is Name => names.some((name) => name === text)

const [name, place, inTable, rows] = process.argv.slice(2)

if (!isName(name) || place === undefined || rows === undefined) throw new Error("growth.js contender place rows-in-table rows")

await report(readers[name](JSON.parse(place) as Place, Number(inTable)), Number(rows))
