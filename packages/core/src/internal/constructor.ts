/**
 * The callable that makes statements, with the helpers that users of @effect/sql know: what a `Database` and a
 * `Session` have in common.
 *
 * @internal
 */
import * as Reason from "../Reason.js"
import * as Sql from "../Sql.js"
import * as SqlError from "../SqlError.js"
import type { Constructor, Options } from "../Statement.js"
import type { Client } from "./client.js"
import * as Named from "./named.js"
import type { Scope } from "./scope.js"
import { type Source, StatementImpl } from "./statement.js"

/** Makes the callable: a template becomes a statement, a string an identifier. */
export const constructor = (client: Client, scope: Scope | undefined): Constructor => {
  const sql = (strings: TemplateStringsArray | string, ...args: ReadonlyArray<unknown>): unknown =>
    typeof strings === "string" ? Sql.helpers(strings) : same(client, scope, strings, args) ?? new StatementImpl(client, { strings, args }, none, scope)
  const { and, csv, in: in_, insert, join, literal, or, update, updateValues } = Sql.helpers
  const name = client.dialect.stock ?? client.dialect.name
  const verbs = {
    and,
    csv,
    in: in_,
    insert,
    join,
    literal,
    or,
    update,
    updateValues,
    unsafe: (text: string, params?: Params) => new StatementImpl(client, unsafe(client, text, params), none, scope),
    onDialect: (options: Record<string, (() => unknown) | undefined>) => options[name]?.(),
    onDialectOrElse: (options: Record<string, (() => unknown) | undefined>) => (options[name] ?? options["orElse"])?.()
  }
  // Overloads cannot be proven of one implementation.
  return Object.assign(sql, verbs) as Constructor
}

const none: Options = {}

// A statement that is nothing but another of this database is that one: its call site is known.
const same = (client: Client, scope: Scope | undefined, strings: TemplateStringsArray, args: ReadonlyArray<unknown>): StatementImpl<unknown> | undefined => {
  const [inner] = args
  return args.length === 1 && strings[0] === "" && strings[1] === "" && inner instanceof StatementImpl && inner.client === client && inner.scope === scope && inner.options === none ? inner : undefined
}

type Params = ReadonlyArray<unknown> | Readonly<Record<string, unknown>> | undefined

const isArray = (params: Params): params is ReadonlyArray<unknown> => Array.isArray(params)

const unsafe = (client: Client, text: string, params: Params): Source => {
  if (params === undefined || isArray(params)) return { segments: [{ _tag: "Literal", value: text, params }] }
  const { names, sql } = Named.parse(text, client.dialect)
  const missing = names.find((name) => !Object.hasOwn(params, name))
  return missing === undefined
    ? { segments: [{ _tag: "Literal", value: sql, params: names.map((name) => params[name]) }] }
    : {
      segments: [{ _tag: "Literal", value: text }],
      problem: SqlError.make(new Reason.ConfigError({ message: `the statement names :${missing}, which was not given`, field: `params.${missing}`, statement: text }))
    }
}
