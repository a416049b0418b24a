/**
 * What a column's definition holds, and the verbs that change it.
 *
 * @internal
 */
import type * as Schema from "effect/Schema"
import type { Actions, Column } from "../Column.js"
import type { ColumnType } from "../Dialect.js"
import type { Reference } from "../Expression.js"
import type { Fragment } from "../Sql.js"
import type { Held } from "./codec.js"

export const TypeId: unique symbol = Symbol.for("@sluice/core/Column")

/** The types of a column, of which no value is there, and its settings. */
export interface Carried<out A, out Nullable extends boolean, out Optional extends boolean, out Key extends boolean> {
  readonly _A?: () => A
  readonly _Nullable?: () => Nullable
  readonly _Optional?: () => Optional
  readonly _Key?: () => Key
  readonly settings: Settings
}

export type Default = { readonly value: unknown } | { readonly sql: string } | "now"

export interface Settings extends Held {
  readonly nullable: boolean
  readonly key: boolean
  readonly identity: boolean
  readonly unique: boolean
  /** `true`: with a name of ours. */
  readonly index: string | true | undefined
  readonly default: Default | undefined
  readonly references: { readonly target: (() => Reference<unknown, boolean, string>) | string; readonly actions: Actions } | undefined
  readonly checks: ReadonlyArray<((self: Reference<unknown, boolean, string>) => Fragment) | string>
  /** Its name in the database, where that is not its key. */
  readonly name: string | undefined
  /** The name is the server's own: no transform is applied to it. */
  readonly exact: boolean
  readonly native: Readonly<Record<string, string>>
}

const fresh: Omit<Settings, "type"> = {
  schema: undefined, schemaTakesNull: false, nullable: true, key: false, identity: false, unique: false, index: undefined, default: undefined,
  references: undefined, checks: [], name: undefined, exact: false, native: {}
}

/** A column; the types are in its constructor's signature. */
export const make = (type: ColumnType, settings: Partial<Settings> = {}): Column<never, never, never, never> =>
  // What the verbs do to the types is their interface's; here they change a record.
  new ColumnImpl({ ...fresh, type, ...settings }) as Column<never, never, never, never>

export const settingsOf = (column: { readonly [TypeId]: { readonly settings: Settings } }): Settings => column[TypeId].settings

class ColumnImpl {
  readonly [TypeId]: { readonly settings: Settings }

  constructor(readonly settings: Settings) {
    this[TypeId] = { settings }
  }

  private with(settings: Partial<Settings>): ColumnImpl {
    return new ColumnImpl({ ...this.settings, ...settings })
  }

  notNull() {
    return this.with({ nullable: false })
  }

  primaryKey() {
    return this.with({ key: true, nullable: false })
  }

  autoIncrement() {
    return this.with({ key: true, nullable: false, identity: true })
  }

  unique() {
    return this.with({ unique: true })
  }

  index(name?: string) {
    return this.with({ index: name ?? true })
  }

  default(value: unknown) {
    return this.with({ default: { value } })
  }

  defaultSql(sql: string) {
    return this.with({ default: { sql } })
  }

  defaultNow() {
    return this.with({ default: "now" })
  }

  references(target: (() => Reference<unknown, boolean, string>) | string, actions: Actions = {}) {
    return this.with({ references: { target, actions } })
  }

  check(condition: ((self: Reference<unknown, boolean, string>) => Fragment) | string) {
    return this.with({ checks: [...this.settings.checks, condition] })
  }

  named(name: string) {
    return this.with({ name })
  }

  native(types: Readonly<Record<string, string>>) {
    return this.with({ native: { ...this.settings.native, ...types } })
  }

  schema(schema: Schema.Schema.All) {
    return this.with({ schema })
  }
}
