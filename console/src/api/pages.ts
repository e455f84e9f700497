/** Lists that the API cuts into pages, read whole for tables that order and search here. */

/** Most rows that the API gives at once. */
export const PAGE_ROWS = 1000

/** Every row of a list: pages are read until one is not full. */
export async function allRows<Row>(read: (page: { limit: number; offset: number }) => Promise<readonly Row[]>): Promise<Row[]> {
  const rows: Row[] = []
  for (;;) {
    const page = await read({ limit: PAGE_ROWS, offset: rows.length })
    rows.push(...page)
    if (page.length < PAGE_ROWS) return rows
  }
}
