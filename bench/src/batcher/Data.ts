/**
 * INSERTs as an application writes them: a text for each row.
 */

export const inserts = (count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => {
    const sql = `INSERT INTO users (id, name, email, age) VALUES (${i}, 'name ${i}', 'user${i}@example.com', ${i % 90})`
    // Looked into, so that its pieces are put together here and not while it is measured.
    return sql.charCodeAt(0) === 73 ? sql : ""
  })
