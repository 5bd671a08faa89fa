import type { LoadResult } from './load.ts'
import type { Cell } from './measure.ts'
import type { SystemName } from './systems.ts'

const others = ['gridfs', 'loopback', 'disk'] as const satisfies SystemName[]
const systems = ['holdfast', ...others] as const satisfies SystemName[]
/** From this size on MB/s say more than files per second. */
const LARGE_BYTES = 16 * 1024 * 1024

/** The median of the rounds. @returns files per second, or MB/s for large files; null where it was not measured. */
function rateOf(cell: Cell, system: SystemName): number | null {
  const unit = cell.sizeBytes >= LARGE_BYTES ? cell.sizeBytes / 1e6 : 1
  return medianOf(cell.results[system], ({ doneCount, seconds }) => (doneCount * unit) / seconds)
}

function medianOf(rounds: readonly LoadResult[] = [], value: (round: LoadResult) => number): number | null {
  const sorted = rounds.map(value).sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.floor((sorted.length - 1) / 2)]
  return upper === undefined || lower === undefined ? null : (upper + lower) / 2
}

/** How many times as fast Holdfast is as another system. */
function ratioOf(cell: Cell, other: SystemName): number | null {
  const [own, theirs] = [rateOf(cell, 'holdfast'), rateOf(cell, other)]
  return own === null || theirs === null ? null : own / theirs
}

export function renderTable(cells: readonly Cell[]): string {
  const header = [
    'operation',
    'size',
    'clients',
    ...others.map((name) => `x ${name}`),
    ...systems.map((name) => name),
    'unit',
    'p50 ms',
    'p99 ms',
  ]
  const rows = cells.map((cell) => [
    cell.operation,
    formatSize(cell.sizeBytes),
    String(cell.clients),
    ...others.map((name) => formatNumber(ratioOf(cell, name), 2)),
    ...systems.map((name) => formatNumber(rateOf(cell, name), 0)),
    cell.sizeBytes >= LARGE_BYTES ? 'MB/s' : 'files/s',
    formatNumber(
      medianOf(cell.results.holdfast, ({ p50Ms }) => p50Ms),
      1,
    ),
    formatNumber(
      medianOf(cell.results.holdfast, ({ p99Ms }) => p99Ms),
      1,
    ),
  ])
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cellTexts: readonly string[]) =>
    `| ${cellTexts.map((text, column) => text.padStart(widths[column] ?? 0)).join(' | ')} |`
  return [line(header), `|${widths.map((width) => `${'-'.repeat(width + 1)}:`).join('|')}|`, ...rows.map(line)].join(
    '\n',
  )
}

function formatSize(bytes: number): string {
  return bytes < 1024 * 1024 ? `${bytes / 1024} KiB` : `${bytes / 1024 / 1024} MiB`
}

function formatNumber(value: number | null, digits: number): string {
  return value === null ? '-' : value.toFixed(digits)
}
