const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** @returns such as `4.0 KiB` or `17 B`. */
export function formatBytes(bytes: number): string {
  const exponent = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  const value = bytes / 1024 ** exponent
  return `${exponent === 0 ? value : value.toFixed(1)} ${units[exponent]}`
}

/** @returns such as `3 s ago`. */
export function formatAge(at: string, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(at)) / 1000))
  if (Number.isNaN(seconds)) return at
  if (seconds < 120) return `${seconds} s ago`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min ago` : `${Math.round(seconds / 3600)} h ago`
}

/** @returns such as `40 s`, `12 min` or `3.5 h`. */
export function formatDuration(seconds: number): string {
  if (seconds < 120) return `${Math.ceil(seconds)} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}

export interface Column {
  readonly title: string
  readonly width: number
  readonly isNumeric?: boolean
}

/** Makes one line of a table, with numbers to the right. A cell that is wider than its column is not cut. */
export function formatColumns(columns: readonly Column[], cells: readonly string[]): string {
  return columns
    .map(({ width, isNumeric }, index) => {
      const cell = cells[index] ?? ''
      return isNumeric ? cell.padStart(width) : cell.padEnd(width)
    })
    .join('  ')
    .trimEnd()
}

/** Makes columns as wide as their widest cell, and aligns those named in `numeric` to the right. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  numeric: readonly number[],
): string {
  const columns = header.map((title, index) => ({
    title,
    width: Math.max(title.length, ...rows.map((row) => (row[index] ?? '').length)),
    isNumeric: numeric.includes(index),
  }))
  return [header, ...rows].map((cells) => formatColumns(columns, cells)).join('\n')
}
