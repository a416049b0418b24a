/**
 * A driver of another version: one without a method of it, which this package knows of and the driver's types do not.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Takes a method from the class that has it, until the scope closes. */
export const without = (owner: object, name: string): Effect.Effect<void, never, Scope.Scope> => {
  const descriptor = Object.getOwnPropertyDescriptor(owner, name)
  const above: unknown = Object.getPrototypeOf(owner)
  if (descriptor === undefined) return typeof above === "object" && above !== null ? without(above, name) : Effect.dieMessage(`there is no ${name}`)
  return Effect.acquireRelease(
    Effect.sync(() => void Reflect.deleteProperty(owner, name)),
    () => Effect.sync(() => void Reflect.defineProperty(owner, name, descriptor))
  )
}
