/**
 * A cell of this suite: what one turn costs.
 */
import { median } from "../Rounds.js"
import type { Sample } from "../Work.js"

/** The medians of CPU and of time, in milliseconds. */
export const cost = (samples: ReadonlyArray<Sample>): string =>
  `${(median(samples.map(({ cpu }) => cpu)) / 1_000).toFixed(0)} ms (${median(samples.map(({ rate }) => 1_000 / rate)).toFixed(0)} ms of time)`
