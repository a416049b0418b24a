/**
 * What may be given to `process`: an array, something else that can be iterated, or a stream.
 *
 * @internal
 */
import * as Stream from "effect/Stream"
import type { Item } from "../Batch.js"

export type Given<E, R> = Stream.Stream<Item, E, R> | Iterable<Item>

export const isArray = (statements: Iterable<Item>): statements is ReadonlyArray<Item> => Array.isArray(statements)

export const isStream = <E, R>(u: Given<E, R>): u is Stream.Stream<Item, E, R> => typeof u === "object" && Stream.StreamTypeId in u
