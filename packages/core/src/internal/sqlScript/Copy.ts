/**
 * COPY … FROM stdin: whether a statement is one whose data stands behind it, which is no SQL.
 *
 * It is told the words and symbols of a statement in turn. Used by `Splitter` for PostgreSQL.
 *
 * @internal
 */
export class Copy {
  private phase: "first" | "copy" | "from" | "none" = "first"
  private depth = 0

  reset(): void {
    this.phase = "first"
    this.depth = 0
  }

  /** `true` where this word makes it one. */
  feed(token: string): boolean {
    switch (this.phase) {
      case "none":
        return false
      case "first":
        this.phase = token.length === 4 && token.toUpperCase() === "COPY" ? "copy" : "none"
        return false
      case "copy":
        if (token === "(") this.depth++
        else if (token === ")") this.depth--
        else if (this.depth === 0 && token.toUpperCase() === "FROM") this.phase = "from"
        return false
      case "from":
        this.phase = "none"
        return token.toUpperCase() === "STDIN"
    }
  }
}
