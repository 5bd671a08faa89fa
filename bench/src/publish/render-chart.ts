import { type BenchResult, type Cell, isLarge, rateOf } from '../result.ts'
import { formatNumber, formatSize } from './render-tables.ts'

const WIDTH = 760
const LABEL_WIDTH = 190
const NUMBER_WIDTH = 90
const BAR_HEIGHT = 16
const GROUP_GAP = 16
const TOP = 56
const SIDE = 20

/** The reader's own setting decides between colours for white and for black. */
const style = `
    text { font: 13px system-ui, sans-serif; fill: #24292f }
    .title { font-size: 16px; font-weight: 600 }
    .small { font-size: 12px; fill: #57606a }
    .holdfast { fill: #0969da } .gridfs { fill: #2da44e } .node { fill: #8c959f }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .small { fill: #9198a1 }
      .holdfast { fill: #58a6ff } .gridfs { fill: #3fb950 } .node { fill: #8b949e }
    }
  `

/** Draws a bar for every system in every group; each group has a scale of its own, for their units differ. */
export function renderChart({ cells, machine, at, commit }: BenchResult): string {
  const groups = cells.filter(isShown)
  const systems = [...new Set(groups.flatMap((cell) => Object.keys(cell.samples)))]
  let y = TOP
  const rows: string[] = []
  for (const cell of groups) {
    const bars = systems.map((system) => ({ system, rate: rateOf(cell, system) ?? 0 }))
    rows.push(text(SIDE, y + (BAR_HEIGHT * bars.length) / 2 + 4, labelOf(cell)))
    rows.push(...renderBars(bars, isLarge(cell) ? 'MB/s' : '/s', y))
    y += BAR_HEIGHT * bars.length + GROUP_GAP
  }
  const legend = systems.map((system, index) => {
    const x = LABEL_WIDTH + SIDE + index * 120
    return `<rect class="${escapeXml(system)}" x="${x}" y="${y + 1}" width="12" height="12"/>${text(x + 18, y + 12, system)}`
  })
  const footer = `${machine.processor}, ${machine.cores} cores, ${machine.fileSystem} · ${at.slice(0, 10)} · ${commit}`
  const height = y + 52
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Rates of Holdfast, GridFS and a bare Node server">
  <style>${style}</style>
  ${text(SIDE, 28, 'Durable uploads, checked downloads, deletes: longer is faster', 'title')}
  ${[...rows, ...legend].join('\n  ')}
  ${text(SIDE, height - 12, footer, 'small')}
</svg>
`
}

/** Shown are cells of sections that are side by side, each operation with the most clients. */
function isShown(cell: Cell, _index: number, cells: readonly Cell[]): boolean {
  const same = cells.filter(
    ({ section, operation, sizeBytes }) =>
      section === cell.section && operation === cell.operation && sizeBytes === cell.sizeBytes,
  )
  const isSideBySide = Object.hasOwn(cell.samples, 'holdfast')
  return isSideBySide && cell.clients === Math.max(...same.map(({ clients }) => clients))
}

function renderBars(bars: readonly { system: string; rate: number }[], unit: string, y: number): string[] {
  const most = Math.max(...bars.map(({ rate }) => rate), Number.MIN_VALUE)
  const room = WIDTH - 2 * SIDE - LABEL_WIDTH - NUMBER_WIDTH
  return bars.map(({ system, rate }, index) => {
    const width = ((rate / most) * room).toFixed(1)
    const [x, top] = [SIDE + LABEL_WIDTH, y + index * BAR_HEIGHT]
    const bar = `<rect class="${escapeXml(system)}" x="${x}" y="${top}" width="${width}" height="${BAR_HEIGHT - 3}" rx="2"/>`
    return bar + text(x + Number(width) + 6, top + 11, `${formatNumber(rate)} ${unit}`, 'small')
  })
}

function labelOf({ operation, sizeBytes, clients }: Cell): string {
  return `${operation} ${formatSize(sizeBytes)}${clients > 1 ? `, ${clients} clients` : ''}`
}

function text(x: number, y: number, content: string, kind?: string): string {
  return `<text${kind === undefined ? '' : ` class="${kind}"`} x="${x.toFixed(0)}" y="${y.toFixed(0)}">${escapeXml(content)}</text>`
}

function escapeXml(content: string): string {
  return content.replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
