/**
 * A report as a text: a line for each step, a line for each hint, in columns.
 *
 * What a server says of itself is shown as ASCII: a terminal obeys some of the other characters.
 *
 * @internal
 */
import type { Report, Step } from "../../Doctor.js"

export const render = ({ dialect, status, steps }: Report): string => {
  const endpoints = [...new Set(steps.map((step) => step.endpoint).filter((endpoint) => endpoint !== undefined))]
  const wide = Math.max(...steps.map(({ name }) => plain(name).length), 4)
  const rows = steps.flatMap((step, index) => {
    const isOther = endpoints.length > 1 && step.endpoint !== undefined && step.endpoint !== steps[index - 1]?.endpoint
    return [...(isOther ? ["", `  ${plain(step.endpoint)}`] : []), ...lines(step, wide)]
  })
  const where = endpoints.length === 0 ? "" : ` at ${endpoints.map(plain).join(", ")}`
  return [`${plain(dialect)}${where}: ${status}`, "", `  ${"step".padEnd(wide)}  status         ms  found`, ...rows, ""].join("\n")
}

const lines = ({ detail, hint, milliseconds, name, status }: Step, wide: number): ReadonlyArray<string> => {
  const time = status === "skipped" ? "" : milliseconds.toFixed(1)
  const first = `  ${plain(name).padEnd(wide)}  ${status.padEnd(7)}  ${time.padStart(8)}  ${plain(detail ?? "")}`.trimEnd()
  return hint === undefined ? [first] : [first, `${" ".repeat(wide + 23)}-> ${plain(hint)}`]
}

const plain = (text: string): string =>
  text.replaceAll("…", "...").replace(/[^\x20-\x7e]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
