/**
 * Alike: texts that begin as many before them did, told by one regular expression in which that beginning is a constant.
 *
 * An engine compares a constant several characters at a time, so that a long common head costs next to nothing. Called by
 * `text` and by the reader of INSERTs.
 *
 * @internal
 */

// What compiling costs is worth it then.
const enough = 64
const most = 32
const longest = 1_000

export class Alike {
  private head = ""
  private rest = ""
  private seen = 0
  private pattern: RegExp | undefined
  private readonly patterns = new Map<string, RegExp>()

  /** Whether a text is the usual head and what usually follows it. `false` where there is none, too. */
  matches(text: string): boolean {
    return this.pattern !== undefined && this.pattern.test(text)
  }

  /** What comes next has another beginning, or one that nothing is known of. */
  forget(): void {
    this.head = ""
    this.pattern = undefined
  }

  /** A text had this head, and behind it what `rest` describes to its end. */
  learn(head: string, rest: string): void {
    if (head !== this.head || rest !== this.rest) {
      this.head = head
      this.rest = rest
      this.seen = 0
      this.pattern = this.patterns.get(`${rest}\0${head}`)
    }
    if (this.pattern !== undefined || ++this.seen < enough || head.length > longest) return
    if (this.patterns.size >= most) this.patterns.clear()
    this.pattern = new RegExp(`^${head.replaceAll(/[^\w ,]/g, code)}${rest}$`)
    this.patterns.set(`${rest}\0${head}`, this.pattern)
  }
}

const code = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
