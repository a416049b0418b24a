/**
 * The docstrings: what every public export must say about itself.
 *
 * Read through the compiler, since an export may be declared, renamed or merged. Called by `house.test.ts`.
 */
import { join } from "node:path"
import ts from "typescript5"
import { fromRoot, type Package, root } from "./tree.js"

export interface Lack {
  readonly at: string
  readonly name: string
  readonly lacks: ReadonlyArray<string>
}

const publicModules = (owner: Package): ReadonlyArray<string> =>
  owner.sources.filter((file) => file.split("/").length === 4 && !file.endsWith("/index.ts"))

/** The last block is the one that belongs to the declaration; one before it heads the file. */
const docOf = (declaration: ts.Declaration): ts.JSDoc | undefined =>
  ts.getJSDocCommentsAndTags(declaration).filter(ts.isJSDoc).at(-1)

const tags = (doc: ts.JSDoc | undefined): ReadonlyArray<string> => (doc?.tags ?? []).map((tag) => tag.tagName.text)

const isDescribed = (doc: ts.JSDoc | undefined): boolean => (ts.getTextOfJSDocComment(doc?.comment) ?? "").trim().length > 0

const place = (node: ts.Node): string => {
  const source = node.getSourceFile()
  return `${fromRoot(source.fileName)}:${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1}`
}

/** The members of an exported interface, or of an alias of an object type. */
const fieldsOf = (declaration: ts.Declaration): ReadonlyArray<ts.TypeElement> =>
  ts.isInterfaceDeclaration(declaration)
    ? declaration.members
    : ts.isTypeAliasDeclaration(declaration) && ts.isTypeLiteralNode(declaration.type)
    ? declaration.type.members
    : []

/** Every export of the public modules that lacks something, and every field that has no comment. */
export const survey = (packages: ReadonlyArray<Package>): { readonly exports: ReadonlyArray<Lack>; readonly fields: ReadonlyArray<Lack> } => {
  const files = packages.flatMap(publicModules)
  const program = ts.createProgram(files.map((file) => join(root, file)), {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    noEmit: true,
    types: []
  })
  const checker = program.getTypeChecker()
  const exports: Array<Lack> = []
  const fields: Array<Lack> = []
  for (const file of files) {
    const source = program.getSourceFile(join(root, file))
    const module = source === undefined ? undefined : checker.getSymbolAtLocation(source)
    if (module === undefined) {
      exports.push({ at: file, name: file, lacks: ["an export"] })
      continue
    }
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
      // What is passed on from another module is documented there; the signatures of an overloaded function share one comment.
      const own = (symbol.declarations ?? []).filter((declaration) => declaration.getSourceFile() === source)
      const declarations = own.filter((declaration, index) =>
        !ts.isFunctionDeclaration(declaration) || own.findIndex(ts.isFunctionDeclaration) === index
      )
      if (declarations.length === 0 || declarations.some((declaration) => tags(docOf(declaration)).includes("internal"))) continue
      const hasExample = declarations.some((declaration) => tags(docOf(declaration)).includes("example"))
      for (const declaration of declarations) {
        const doc = docOf(declaration)
        const lacks = [
          isDescribed(doc) ? undefined : "a description",
          tags(doc).includes("since") ? undefined : "@since",
          tags(doc).includes("category") ? undefined : "@category",
          // A type and a value of one name share their example.
          hasExample ? undefined : "@example"
        ].filter((lack) => lack !== undefined)
        if (lacks.length > 0) exports.push({ at: place(declaration), name: exported.name, lacks })
        for (const field of fieldsOf(declaration)) {
          const fieldDoc = docOf(field)
          // Call signatures have no name of their own: the interface's comment speaks of them. A key in brackets is a brand.
          if (field.name === undefined || ts.isComputedPropertyName(field.name) || tags(fieldDoc).includes("internal")) continue
          if (!isDescribed(fieldDoc)) {
            fields.push({ at: place(field), name: `${exported.name}.${field.name.getText()}`, lacks: ["a comment"] })
          }
        }
      }
    }
  }
  return { exports, fields }
}

export const show = (lack: Lack): string => `${lack.at} ${lack.name} lacks ${lack.lacks.join(", ")}`
