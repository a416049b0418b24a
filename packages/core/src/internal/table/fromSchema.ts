/**
 * From a Schema's fields to columns.
 *
 * A field is stored as its type, where a database has one (a Date, a bigint, a decimal); else as what it is encoded to; else as
 * JSON of that. The Schema stays over the column, so that what is read and written is what the Schema allows.
 *
 * @internal
 */
import type * as BigDecimal from "effect/BigDecimal"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import type { Any } from "../../Column.js"
import type { ColumnType } from "../../Dialect.js"
import { make } from "../column.js"

/** The columns of a Schema's fields, in their order. */
export const columnsOf = (fields: Schema.Struct.Fields): Readonly<Record<string, Any>> =>
  Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, columnOf(...schemaOf(field))]))

/** The name that a Schema gives itself: a class's. */
export const nameOf = (schema: { readonly ast: AST.AST }): string | undefined =>
  Option.getOrUndefined(Option.orElse(AST.getIdentifierAnnotation(schema.ast), () =>
    schema.ast._tag === "Transformation" ? AST.getIdentifierAnnotation(schema.ast.to) : Option.none()))

// What a field is, and whether it may be left out: then it is NULL.
const schemaOf = (field: Schema.Struct.Field): readonly [Schema.Schema<unknown>, boolean] => {
  const { ast } = field
  switch (ast._tag) {
    case "PropertySignatureDeclaration":
      return [Schema.make(ast.type), ast.isOptional]
    case "PropertySignatureTransformation":
      return [Schema.make(ast.to.type), ast.to.isOptional]
    default:
      return [Schema.make(ast), false]
  }
}

const columnOf = (schema: Schema.Schema<unknown>, isOptional: boolean): Any => {
  const type = bare(AST.typeAST(schema.ast))
  const encoded = bare(AST.encodedAST(schema.ast))
  const own = kindOf(type.ast)
  if (own !== undefined) {
    // A refinement or a brand is asked; of a bare string there is nothing more to ask.
    const refined = isPlain(type.ast) ? undefined : Schema.make(type.ast)
    return make(own, { nullable: isOptional || type.nullable, schema: own.kind === "decimal" ? decimal(type.ast) : refined })
  }
  const takesNull = encoded.nullable && !type.nullable
  return make(kindOf(encoded.ast) ?? { kind: "json" }, { nullable: isOptional || encoded.nullable || type.nullable, schema: takesNull ? schema : notNull(schema), schemaTakesNull: takesNull })
}

// It is written as its text, and what the Schema asks of it is asked afterwards.
const decimal = (ast: AST.AST): Schema.Schema.All => {
  const asked: Schema.Schema<BigDecimal.BigDecimal> = Schema.make(ast)
  return Schema.compose(Schema.BigDecimal, asked)
}

// NULL is the column's matter, and the Schema sees the others only.
const notNull = (schema: Schema.Schema<unknown>): Schema.Schema<unknown> => {
  const { ast } = schema
  return ast._tag === "Union" ? Schema.make(AST.Union.make(ast.types.filter((type) => !isNothing(type)))) : schema
}

const isNothing = (ast: AST.AST): boolean => (ast._tag === "Literal" && ast.literal === null) || ast._tag === "UndefinedKeyword"

const bare = (ast: AST.AST): { readonly ast: AST.AST; readonly nullable: boolean } => {
  if (ast._tag !== "Union") return { ast, nullable: false }
  const rest = ast.types.filter((type) => !isNothing(type))
  return { ast: AST.Union.make(rest), nullable: rest.length < ast.types.length }
}

const isPlain = (ast: AST.AST): boolean => ast._tag !== "Refinement" && ast._tag !== "Literal" && ast._tag !== "Union" && ast._tag !== "TemplateLiteral" && ast._tag !== "Enums"

const kindOf = (ast: AST.AST): ColumnType | undefined => {
  switch (ast._tag) {
    case "StringKeyword":
    case "TemplateLiteral":
      return { kind: "text" }
    case "NumberKeyword":
      return { kind: "double" }
    case "BooleanKeyword":
      return { kind: "boolean" }
    case "BigIntKeyword":
      return { kind: "bigint" }
    case "Literal":
      return literals[typeof ast.literal]
    case "Enums":
      return common(ast.enums.map(([, value]) => literals[typeof value]))
    case "Union":
      return ast.types.length === 0 ? undefined : common(ast.types.map(kindOf))
    case "Refinement":
      return refined(ast)
    case "Declaration":
      return declared[Option.getOrElse(AST.getIdentifierAnnotation(ast), () => "")]
    default:
      return undefined
  }
}

const literals: Readonly<Record<string, ColumnType>> = { string: { kind: "text" }, number: { kind: "double" }, boolean: { kind: "boolean" }, bigint: { kind: "bigint" } }

const declared: Readonly<Record<string, ColumnType>> = {
  DateFromSelf: { kind: "timestamp" },
  Uint8ArrayFromSelf: { kind: "bytes" },
  // A Schema says nothing of digits. So many every dialect has, and what needs more is refused and not rounded.
  BigDecimalFromSelf: { kind: "decimal", precision: 38, scale: 18 }
}

const common = (types: ReadonlyArray<ColumnType | undefined>): ColumnType | undefined => {
  const [first] = types
  return first !== undefined && types.every((type) => type?.kind === first.kind) ? { kind: first.kind } : undefined
}

const refined = (ast: AST.Refinement): ColumnType | undefined => {
  const inner = kindOf(ast.from)
  if (inner === undefined) return undefined
  const id = Option.getOrUndefined(AST.getSchemaIdAnnotation(ast))
  if (inner.kind === "double" && id === Schema.IntSchemaId) return { kind: "integer" }
  if (inner.kind === "text" && id === Schema.UUIDSchemaId) return { kind: "uuid" }
  const words: { readonly maxLength?: unknown } = Option.getOrElse(AST.getJSONSchemaAnnotation(ast), () => ({}))
  return inner.kind === "text" && typeof words.maxLength === "number" ? { ...inner, length: Math.min(words.maxLength, inner.length ?? words.maxLength) } : inner
}
