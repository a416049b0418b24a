/**
 * The peer: SQL Batcher's engine and ours, each in a process of its own that has done the same work before.
 *
 * Texts go to a receiver that does nothing; a turn is the median of fifteen passes over new lists, after five that are not counted. It is
 * there where `python3` (or SLUICE_PYTHON) can import `sql_batcher` 0.1.4. Called by `Batching`.
 */
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Child from "../Child.js"
import type { Sample } from "../Work.js"

const python = process.env["SLUICE_PYTHON"] ?? "python3"

/** Whether it is here. */
export const isHere = spawnSync(python, ["-c", "import sql_batcher.async_batcher"], { stdio: "ignore" }).status === 0

const program = `
import asyncio, json, statistics, sys, time
from sql_batcher.async_batcher import AsyncSQLBatcher

count, merges = int(sys.argv[1]), sys.argv[2] == "merged"

class Adapter:
    async def execute(self, sql): return []
    def get_max_query_size(self): return 1_000_000

async def receive(sql): return None

async def main():
    rates, costs = [], []
    for turn in range(20):
        statements = [f"INSERT INTO users (id, name, email, age) VALUES ({i}, 'name {i}', 'user{i}@example.com', {i % 90})" for i in range(count)]
        batcher = AsyncSQLBatcher(adapter=Adapter(), max_bytes=1_000_000, merge_inserts=merges)
        start, cpu = time.perf_counter(), time.process_time()
        await batcher.process_statements(statements, receive)
        if turn < 5: continue
        costs.append((time.process_time() - cpu) * 1e6 / count)
        rates.append(count / (time.perf_counter() - start))
    print(json.dumps({"rate": statistics.median(rates), "cpu": statistics.median(costs)}))

asyncio.run(main())
`

const sampleOf = (said: string): Sample => JSON.parse(said)

const how = (merges: boolean): string => merges ? "merged" : "plain"

/** SQL Batcher's. */
export const theirs = (count: number, merges: boolean): Effect.Effect<Sample, Child.Failed> =>
  Effect.map(Child.run(Child.root, python, ["-c", program, String(count), how(merges)]), sampleOf)

/** Ours. */
export const ours = (count: number, merges: boolean): Effect.Effect<Sample, Child.Failed> =>
  Effect.map(Child.run(Child.root, process.execPath, [fileURLToPath(new URL("Alone.js", import.meta.url)), String(count), how(merges)]), sampleOf)
