/**
 * Limit: the time that the server itself gives a statement, written into its text.
 *
 * Core's own limit comes first, and KILL after it. This one is for when nobody is left to send that: a process that died
 * or stands still leaves its statement running on the server. Called by `text`, only where a statement has a timeout.
 *
 * @internal
 */

/** So much later than ours; whole seconds, so that a text has few forms and each is prepared once. */
const seconds = (timeout: number): number => Math.ceil(timeout / 1_000) + 1

// MariaDB limits whatever is one of these, https://mariadb.com/kb/en/set-statement; MySQL a SELECT alone, by a hint that
// stands right behind the word: https://dev.mysql.com/doc/refman/en/optimizer-hints.html.
const limitable = /^\s*(?:SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH)\b/i
const select = /^\s*SELECT\b(?!\s*\/\*)/i

/** The text with its limit, in milliseconds; as it is where the server has none for it. */
export const limited = (sql: string, timeout: number | undefined, isMariadb: boolean): string => {
  if (timeout === undefined || !Number.isFinite(timeout)) return sql
  if (isMariadb) return limitable.test(sql) ? `SET STATEMENT max_statement_time=${seconds(timeout)} FOR ${sql}` : sql
  return sql.replace(select, (word) => `${word} /*+ MAX_EXECUTION_TIME(${Math.min(seconds(timeout) * 1_000, 4_294_967_295)}) */`)
}
