/**
 * The process whose memory is measured. Arguments: the contender, the file, the rows. Started by `Streaming`.
 */
import { report } from "../Growth.js"
import { type Name, names, readers } from "./Readers.js"

const isName = (text: string | undefined): text is Name => names.some((name) => name === text)

const [name, filename, rows] = process.argv.slice(2)

if (!isName(name) || filename === undefined || rows === undefined) throw new Error("growth.js contender file rows")

await report(readers[name](filename), Number(rows))
