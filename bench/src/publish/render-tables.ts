import {
  type AskTimes,
  type Cell,
  costsOf,
  type Fill,
  type Heal,
  isLarge,
  medianOf,
  type QueueRates,
  rateOf,
  ratioOf,
  ratiosOfRounds,
  type Sample,
  type Swarm,
} from '../result.ts'

const MIB = 1024 * 1024
/** Roles stand in the order in which a request meets them. */
const roles = ['manager', 'file-server', 'server', 'mongod', 'launcher', 'client']

/** Shows rates and latencies in a row for every cell and system, with the ratio to the first system of the cell. */
export function renderRates(cells: readonly Cell[]): string {
  const rows = cells.flatMap((cell) => {
    const [first = ''] = Object.keys(cell.samples)
    return Object.entries(cell.samples).map(([system, samples]) => [
      ...describe(cell),
      system,
      formatNumber(rateOf(cell, system)),
      isLarge(cell) ? 'MB/s' : 'files/s',
      system === first ? '' : `${formatRatio(ratioOf(cell, first, system))}`,
      formatMs(medianOf(samples, ({ p50Ms }) => p50Ms)),
      formatMs(medianOf(samples, ({ p99Ms }) => p99Ms)),
    ])
  })
  const header = ['operation', 'size', 'clients', 'system', 'rate', 'unit', 'first row is', 'p50 ms', 'p99 ms']
  return renderTable(header, rows)
}

/**
 * Shows how many times as fast Holdfast is as the checkout beside it: the median of the rounds, the least and the most of one round,
 * and how many times as much CPU an operation takes.
 */
export function renderBeside(cells: readonly Cell[]): string {
  const rows = cells.flatMap((cell) => {
    const ratios = ratiosOfRounds(cell, 'holdfast', 'beside')
    if (ratios.length === 0) return []
    const figures = [medianOf(ratios, (ratio) => ratio), Math.min(...ratios), Math.max(...ratios)]
    const cpu = formatRatio(serverCpuOf(cell.samples.holdfast) / serverCpuOf(cell.samples.beside))
    return [[...describe(cell), ...figures.map(formatRatio), String(ratios.length), cpu]]
  })
  return renderTable(['operation', 'size', 'clients', 'this / beside', 'least', 'most', 'rounds', 'CPU'], rows)
}

/** @returns the CPU of one operation without the load's own */
function serverCpuOf(samples: readonly Sample[] | undefined): number {
  const costs = costsOf(samples).filter(({ role }) => role !== 'client' && roles.includes(role))
  return costs.reduce((sum, { cpuUsPerOperation }) => sum + cpuUsPerOperation, 0)
}

/** Shows CPU per operation and peak memory of every role. */
export function renderCosts(cells: readonly Cell[]): string {
  const rows = cells.flatMap((cell) =>
    Object.entries(cell.samples).flatMap(([system, samples]) => {
      const costs = costsOf(samples).filter(({ role }) => roles.includes(role))
      if (costs.length === 0) return []
      const perRole = roles.map((role) => {
        const cost = costs.find((candidate) => candidate.role === role)
        return cost === undefined ? '' : `${formatCpu(cost.cpuUsPerOperation)} / ${formatMib(cost.peakRssBytes)}`
      })
      const total = costs.reduce((sum, { cpuUsPerOperation }) => sum + cpuUsPerOperation, 0)
      return [[...describe(cell), system, ...perRole, formatCpu(total)]]
    }),
  )
  const header = ['operation', 'size', 'clients', 'system', ...roles, 'sum']
  return renderTable(header, rows)
}

export function renderFills(fills: readonly Fill[]): string {
  const rows = fills.map(({ fileCount, addedCount, seconds }) => [
    formatNumber(fileCount),
    formatNumber(addedCount),
    seconds.toFixed(1),
    formatNumber(addedCount / Math.max(seconds, 0.001)),
  ])
  return renderTable(['files', 'of them made in this step', 'seconds', 'files/s'], rows)
}

export function renderHeals(heals: readonly Heal[]): string {
  const rows = heals.map(({ fileServerCount, chunkCount, bytes, seconds }) => [
    formatNumber(fileServerCount),
    formatSize(Math.round(bytes / MIB) * MIB),
    formatNumber(chunkCount),
    seconds.toFixed(1),
    formatNumber(bytes / 1e6 / Math.max(seconds, 0.001)),
  ])
  return renderTable(['file-servers', 'lost', 'chunks', 'seconds', 'MB/s'], rows)
}

/** Shows medians of the rounds for every client; the peak is the highest. */
export function renderSwarms(swarms: readonly Swarm[]): string {
  const rows = swarms.flatMap(({ seedCount, bytes, samples }) => {
    const [first = []] = Object.values(samples)
    const own = medianOf(first, ({ seconds }) => seconds)
    return Object.entries(samples).map(([client, transfers]) => {
      const seconds = medianOf(transfers, (transfer) => transfer.seconds)
      const usages = transfers.flatMap(({ usage }) => usage ?? [])
      const cpu = medianOf(usages, ({ cpuSeconds }) => cpuSeconds)
      return [
        ...[formatSize(bytes), String(seedCount), client, formatSeconds(seconds)],
        formatNumber(seconds === null ? null : bytes / 1e6 / seconds),
        transfers === first || own === null || seconds === null ? '' : formatRatio(seconds / own),
        formatSeconds(cpu),
        usages.length === 0 ? '-' : formatMib(Math.max(...usages.map(({ peakRssBytes }) => peakRssBytes))),
      ]
    })
  })
  return renderTable(['size', 'seeds', 'client', 'seconds', 'MB/s', 'first row is', 'CPU seconds', 'peak memory'], rows)
}

export function renderAsks(asks: readonly AskTimes[]): string {
  const rows = asks.map(({ group, what, p50Ms, p99Ms }) => [group, what, formatMs(p50Ms), formatMs(p99Ms)])
  return renderTable(['asked', 'for', 'p50 ms', 'p99 ms'], rows)
}

export function renderQueues(queues: readonly QueueRates[]): string {
  const rows = queues.map(({ queue, workerCount, addRates, doneRates }) => [
    ...[queue, String(workerCount)],
    ...[addRates, doneRates].map((rates) => formatNumber(medianOf(rates, (rate) => rate))),
  ])
  return renderTable(['queue', 'workers', 'added jobs/s', 'done jobs/s'], rows)
}

/** @returns a Markdown table that can be read as it is, or an empty text where there are no rows */
export function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return ''
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (texts: readonly string[]) =>
    `| ${texts.map((text, column) => text.padStart(widths[column] ?? 0)).join(' | ')} |`
  const rule = `|${widths.map((width) => `${'-'.repeat(width + 1)}:`).join('|')}|`
  return [line(header), rule, ...rows.map(line)].join('\n')
}

function describe({ operation, sizeBytes, clients }: Cell): string[] {
  return [operation, formatSize(sizeBytes), String(clients)]
}

export function formatSize(bytes: number): string {
  return bytes < MIB ? `${bytes / 1024} KiB` : `${bytes / MIB} MiB`
}

export function formatNumber(value: number | null): string {
  return value === null ? '-' : Math.round(value).toLocaleString('en')
}

function formatSeconds(value: number | null): string {
  return value === null ? '-' : value.toFixed(1)
}

export function formatRatio(value: number | null): string {
  return value === null ? '' : `${value.toFixed(2)} x`
}

export function formatMs(value: number | null): string {
  return value === null ? '-' : value.toFixed(value < 10 ? 2 : 0)
}

function formatCpu(us: number): string {
  return us < 10_000 ? `${us.toFixed(0)} us` : `${(us / 1000).toFixed(0)} ms`
}

export function formatMib(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`
}
