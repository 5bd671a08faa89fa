import { comparatorOf, type FileRow, isOver, type ListQuery } from './file-row.ts'

/**
 * Puts this browser's shares among the files of the manager's list. While that is not read to its end, shares that come after
 * what was read wait, for other files may belong before them.
 * @param files in the order of the query. @param hidden ids that are not shown
 */
export function mergeRows(
  files: readonly FileRow[],
  shares: readonly FileRow[],
  query: ListQuery,
  isComplete: boolean,
  hidden: ReadonlySet<string>,
): FileRow[] {
  const compare = comparatorOf(query)
  const search = query.search.normalize('NFC').toLowerCase()
  const matching = shares.filter((share) => share.name.toLowerCase().includes(search) && !isOver(share)).sort(compare)
  const last = files.at(-1)
  const rows: FileRow[] = []
  let next = 0
  const take = (row: FileRow) => {
    if (!hidden.has(row.id)) rows.push(row)
  }
  for (const file of files) {
    for (let share = matching[next]; share !== undefined && compare(share, file) < 0; share = matching[++next])
      take(share)
    take(file)
  }
  for (const share of matching.slice(next))
    if (isComplete || last === undefined || compare(share, last) < 0) take(share)
  return rows
}
