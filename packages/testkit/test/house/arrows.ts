/**
 * The arrows: which package may know which, and which module of core may know which. Tables, and the reading of imports.
 *
 * The tables are the design's; a new package or a new module of core gets its place here first.
 * Called by `house.test.ts`.
 */
import { isBuiltin } from "node:module"
import { posix } from "node:path"
import ts from "typescript5"
import { type Package, read } from "./tree.js"

const effect = ["effect", "@effect/sql", "@effect/platform", "@effect/experimental"]

/** A dialect: core, and its own driver. A stock driver of @effect/sql stands beside it only where `layerStock` needs its tag. */
const dialect = (...driver: Array<string>) => [...effect, "@sluice/core", ...driver]

/** What each package may depend on and import. */
export const arrows: Readonly<Record<string, ReadonlyArray<string>>> = {
  core: effect,
  sqlite: dialect("better-sqlite3"),
  mysql: dialect("mysql2", "@effect/sql-mysql2"),
  postgres: dialect("pg", "pg-cursor", "pg-copy-streams", "@effect/sql-pg", "@electric-sql/pglite"),
  mssql: dialect("tedious", "@effect/sql-mssql"),
  // Warehouses speak HTTP through @effect/platform: no driver.
  trino: dialect(),
  snowflake: dialect(),
  bigquery: dialect(),
  // The formats of its files are parsed by libraries.
  batcher: [...effect, "@sluice/core", "csv-parse", "lossless-json", "hyparquet", "hyparquet-compressors", "hyparquet-writer"],
  testkit: [...effect, "@sluice/core", "@sluice/batcher", "vitest", "@effect/vitest"],
  cli: [...effect, "@sluice/core", "@sluice/batcher"]
}

/** Each dialect's public module; warehouses have jobs where the others have connections. */
export const dialects: Readonly<Record<string, { readonly module: string; readonly session: "connection" | "job" }>> = {
  sqlite: { module: "Sqlite", session: "connection" },
  mysql: { module: "Mysql", session: "connection" },
  postgres: { module: "Postgres", session: "connection" },
  mssql: { module: "Mssql", session: "connection" },
  trino: { module: "Trino", session: "job" },
  snowflake: { module: "Snowflake", session: "job" },
  bigquery: { module: "BigQuery", session: "job" }
}

/**
 * Core from the ground up. A module may import its own row and those above it here, never one below: types as well,
 * since a type that points back up is a word defined by a later one. What is inside of a noun stands with it without a row
 * of its own: `internal/pool/State` and `internal/statement` with `Pool` and `Statement`.
 */
const rows: ReadonlyArray<ReadonlyArray<string>> = [
  ["Bounded", "Reason"],
  ["SqlError"],
  ["Options", "SqlLexer", "SqlScript"],
  ["Dialect"],
  ["Sql", "internal/heard", "internal/named"],
  ["Bulk", "Connection", "Job"],
  ["RowDecoder"],
  ["Retry", "CircuitBreaker", "Credentials", "Tls", "ConnectionString"],
  ["ErrorHook", "Telemetry", "internal/pool/Observer"],
  ["Pool"],
  ["Hosts", "Examination", "Doctor"],
  // A statement's way to its connection: what a fiber holds, and running on it.
  ["internal/client", "internal/held", "internal/replicas", "internal/run", "internal/scope"],
  ["Transaction"],
  ["Cursor"],
  ["Statement", "internal/decoded"],
  ["internal/constructor", "internal/stock"],
  // The words of a transaction stand under Statement; running one is a verb over the stock client, which has statements.
  ["internal/transaction"],
  ["Session"],
  ["Database", "internal/several", "internal/verbs", "internal/script"],
  ["Generic", "Resolver"],
  // Tables stand above the database, which knows nothing of them.
  ["internal/codec"],
  ["Condition"],
  ["Expression"],
  ["Column"],
  ["Query"],
  ["Table", "Repository"],
  // The same without Effect.
  ["Sluice"],
  ["index"]
]

const standing = (module: string): number => {
  const named = rows.findIndex((row) => row.includes(module))
  if (named !== -1) return named
  const noun = /^internal\/(\w+)/.exec(module)?.[1]
  return noun === undefined ? -1 : rows.findIndex((row) => row.includes(noun[0]!.toUpperCase() + noun.slice(1)))
}

export interface Import {
  readonly file: string
  readonly line: number
  readonly specifier: string
}

/** Every import of a file: static, re-exporting, dynamic, and of a type alone. */
export const importsOf = (file: string, text: string = read(file)): ReadonlyArray<Import> => {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true)
  const found: Array<Import> = []
  const visit = (node: ts.Node): void => {
    const specifier = ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
      ? node.moduleSpecifier
      : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
      ? node.argument.literal
      : ts.isCallExpression(node)
          && (node.expression.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(node.expression) && node.expression.text === "require"))
      ? node.arguments[0]
      : undefined
    if (specifier !== undefined && ts.isStringLiteralLike(specifier)) {
      found.push({ file, line: source.getLineAndCharacterOfPosition(specifier.getStart(source)).line + 1, specifier: specifier.text })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

const packageOf = (specifier: string): string => specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/")

/** What is wrong with an import of a package's source, or `undefined`. */
export const misdirected = (owner: Package, { file, line, specifier }: Import): string | undefined => {
  const at = `${file}:${line}`
  if (specifier.startsWith(".")) {
    const target = posix.join(posix.dirname(file), specifier)
    return target.startsWith(`${owner.folder}/src/`) ? undefined : `${at} leaves its package: ${specifier}`
  }
  if (isBuiltin(specifier)) {
    if (owner.name === "core") return `${at} core runs anywhere, and ${specifier} is Node's`
    return specifier.startsWith("node:") ? undefined : `${at} ${specifier} wants its node: prefix`
  }
  const target = packageOf(specifier)
  if (!(arrows[owner.name] ?? []).includes(target)) return `${at} ${owner.name} may not know ${target}`
  if (!owner.dependencies.includes(target)) return `${at} ${target} is not among the dependencies of ${owner.folder}/package.json`
  if (target.startsWith("@sluice/") && specifier.startsWith(`${target}/internal/`)) return `${at} ${specifier} is internal to ${target}`
  return undefined
}

/** What is wrong with an import inside core, or `undefined`: it points up, or one of the two has no standing. */
export const pointsUp = (owner: Package, { file, line, specifier }: Import): string | undefined => {
  if (!specifier.startsWith(".")) return undefined
  const src = `${owner.folder}/src/`
  const from = file.slice(src.length).replace(/\.ts$/, "")
  const to = posix.join(posix.dirname(file), specifier).slice(src.length).replace(/\.js$/, "")
  if (standing(to) === -1) return `${file}:${line} imports ${to}: say where ${to} stands (rows in house/arrows.ts)`
  // A module without a place is reported once, by `unplaced`, and not with each of its imports.
  return standing(from) !== -1 && standing(from) < standing(to) ? `${file}:${line} ${from} points up to ${to}` : undefined
}

/** The modules of core that no row names. */
export const unplaced = (owner: Package): ReadonlyArray<string> =>
  owner.sources
    .map((file) => file.slice(`${owner.folder}/src/`.length).replace(/\.ts$/, ""))
    .filter((module) => standing(module) === -1)
    .map((module) => `say where ${module} stands (rows in house/arrows.ts)`)
