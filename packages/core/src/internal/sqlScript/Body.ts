/**
 * The body of a routine: whether a semicolon stands inside of one, and so ends no statement.
 *
 * It is told every word and symbol of a statement in turn, and keeps a stack of the blocks that are open. It is no
 * parser of procedures: it knows what opens a block and what closes one, in three kinds of dialect. Used by `Splitter`.
 *
 * @internal
 */
import type * as SqlLexer from "../../SqlLexer.js"

const nouns: Readonly<Record<Exclude<SqlLexer.Bodies, "none">, ReadonlySet<string>>> = {
  trigger: new Set(["TRIGGER"]),
  routine: new Set(["TRIGGER", "PROCEDURE", "FUNCTION", "EVENT"]),
  atomic: new Set(["PROCEDURE", "FUNCTION", "RULE"])
}

// What else is created: the first of these words decides, as a name or a definer may stand before it.
const others = new Set(["TABLE", "INDEX", "VIEW", "DATABASE", "SCHEMA", "USER", "ROLE", "SEQUENCE", "TYPE", "EXTENSION", "RULE", "POLICY", "SERVER"])

const afterEnd = new Set(["IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR"])

export class Body {
  private phase: "first" | "noun" | "body" | "none" = "first"
  /** The words that opened the blocks which are open. */
  private readonly open: Array<string> = []
  private previous = ""
  private before = ""
  /** WHEN and ELSEIF whose THEN is still to come. */
  private conditions = 0
  /** The END before: `closes` unless the next word says otherwise. */
  private ending: "closes" | "may" | undefined
  private repeats = false
  private begins = false

  constructor(private readonly kind: SqlLexer.Bodies) {}

  /** Nothing of this statement is of interest: it makes no routine. */
  get isPlain(): boolean {
    return this.phase === "none"
  }

  /** Whether a semicolon that comes now stands inside of the body. */
  isInside(): boolean {
    if (this.phase !== "body") return false
    // As sqlite3_complete() has it: https://sqlite.org/c3ref/complete.html
    if (this.kind === "trigger") return !(this.previous === "END" && this.before === ";")
    this.ended()
    return this.open.length > 0
  }

  reset(): void {
    const isUntouched = this.phase === "none" || this.phase === "first"
    this.phase = "first"
    if (isUntouched) return
    this.open.length = 0
    this.previous = ""
    this.before = ""
    this.conditions = 0
    this.ending = undefined
    this.repeats = false
    this.begins = false
  }

  /** The next word in capitals, or symbol; `""` for anything else. */
  feed(word: string): void {
    if (this.phase === "first") {
      // What a server runs of a comment begins with a symbol.
      if (word.charCodeAt(0) < 65) return
      this.phase = this.kind === "none" || !(word === "CREATE" || (word === "ALTER" && this.kind === "routine")) ? "none" : "noun"
    } else if (this.phase === "noun") {
      if (this.kind !== "none" && nouns[this.kind].has(word)) this.phase = "body"
      else if (others.has(word)) this.phase = "none"
    } else if (this.phase === "body") {
      if (this.kind === "atomic") this.atomic(word)
      else if (this.kind === "routine" && this.previous !== "." && this.previous !== "@") this.routine(word)
    }
    this.before = this.previous
    this.previous = word
  }

  // BEGIN ATOMIC … END: https://www.postgresql.org/docs/current/sql-createfunction.html
  // DO ALSO (command; command): https://www.postgresql.org/docs/current/sql-createrule.html
  private atomic(word: string): void {
    const { open } = this
    if (word === "(" || (this.begins && word === "ATOMIC") || (open.length > 0 && word === "CASE")) open.push(word)
    else if (word === ")" ? open.at(-1) === "(" : word === "END" && open.at(-1) !== "(") open.pop()
    this.begins = word === "BEGIN"
  }

  // BEGIN, IF … THEN, CASE, LOOP, WHILE, REPEAT … END: https://dev.mysql.com/doc/refman/8.4/en/sql-compound-statements.html
  private routine(word: string): void {
    const { open } = this
    if (this.repeats) {
      this.repeats = false
      // REPEAT( is a function.
      if (word !== "(") open.push("REPEAT")
    }
    if (this.ending !== undefined && afterEnd.has(word)) {
      if (word !== "FOR") open.pop()
      this.ending = undefined
      return
    }
    this.ended()
    switch (word) {
      case "BEGIN":
      case "CASE":
      case "LOOP":
      case "WHILE":
        open.push(word)
        break
      case "REPEAT":
        this.repeats = true
        break
      case "WHEN":
      case "ELSEIF":
        this.conditions++
        break
      case "THEN":
        if (this.conditions > 0) this.conditions--
        else open.push("IF")
        break
      case "END":
        // A column may be named so. What closes a block of statements stands behind a semicolon.
        this.ending = open.at(-1) === "CASE" || this.previous === ";" || this.previous === "BEGIN" ? "closes" : "may"
    }
  }

  private ended(): void {
    if (this.ending === "closes") this.open.pop()
    this.ending = undefined
  }
}
