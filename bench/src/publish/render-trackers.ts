import { type AnnounceCell, type AnnounceSample, costsOf, countPerSecond, medianOf, type Searches } from '../result.ts'
import { formatMib, formatMs, formatNumber, formatRatio, renderTable } from './render-tables.ts'

/** Shows announces by the clock and by the tracker's own processor time, with the ratio of the latter to the first system's. */
export function renderAnnounces(cells: readonly AnnounceCell[]): string {
  const rows = cells.flatMap(({ protocol, peers, clients, samples }) => {
    const [first] = Object.keys(samples)
    const firstRate = cpuRateOf(samples[first ?? ''])
    return Object.entries(samples).map(([system, ofSystem]) => {
      const costs = costsOf(ofSystem)
      const mongod = costs.find(({ role }) => role === 'mongod')
      const rate = cpuRateOf(ofSystem)
      return [
        ...[protocol.toUpperCase(), peers, String(clients), system],
        formatNumber(medianOf(ofSystem, countPerSecond)),
        formatNumber(rate),
        system === first || rate === null || firstRate === null ? '' : formatRatio(firstRate / rate),
        formatMs(medianOf(ofSystem, ({ p50Ms }) => p50Ms)),
        formatMs(medianOf(ofSystem, ({ p99Ms }) => p99Ms)),
        String(ofSystem.reduce((sum, { refusedCount }) => sum + refusedCount, 0)),
        mongod === undefined ? '' : `${mongod.cpuUsPerOperation.toFixed(0)} us`,
        formatMib(trackerOf(costs)?.peakRssBytes ?? 0),
      ]
    })
  })
  const header = [
    ...[
      'protocol',
      'peers',
      'clients',
      'system',
      'announces/s',
      'per second of CPU',
      'first row is',
      'p50 ms',
      'p99 ms',
    ],
    ...['refused', 'mongod', 'memory'],
  ]
  return renderTable(header, rows)
}

/** Finds the process that answers announces, whichever system it is of. */
function trackerOf(costs: ReturnType<typeof costsOf>): ReturnType<typeof costsOf>[number] | undefined {
  return costs.find(({ role }) => role === 'manager' || role === 'server')
}

function cpuRateOf(samples: readonly AnnounceSample[] | undefined): number | null {
  const us = trackerOf(costsOf(samples))?.cpuUsPerOperation
  return us === undefined || us === 0 ? null : 1e6 / us
}

export function renderSearches(searches: readonly Searches[]): string {
  return searches
    .map(({ trackCount, userCount, clients, fillSeconds, times }) => {
      const rows = times.map(({ search, example, count, found, p50Ms, p99Ms, mostMs }) => [
        ...[search, `\`${example}\``, formatNumber(count), found.toFixed(1)],
        ...[formatMs(p50Ms), formatMs(p99Ms), formatMs(mostMs)],
      ])
      const table = renderTable(['search', 'such as', 'searches', 'results', 'p50 ms', 'p99 ms', 'longest ms'], rows)
      const counts = `${formatNumber(trackCount)} tracks of ${formatNumber(userCount)} users, ${clients} clients at once`
      return `${counts}; stored in ${fillSeconds.toFixed(0)} s.\n\n${table}`
    })
    .join('\n\n')
}
