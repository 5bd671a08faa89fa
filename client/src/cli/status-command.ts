import { countOf } from '@holdfast/shared/count-of'
import { hasErrorName } from '@holdfast/shared/errors/store-error'
import type { ActiveNode, TrackerStatus, Upkeep, UpkeepLoop } from '../answers.ts'
import type { Console } from './console.ts'
import { formatAge, formatBytes, formatDuration, formatTable } from './format.ts'

const header = ['ID', 'NAME', 'ZONE', 'STATE', 'FILES', 'BYTES', 'FREE', 'LAST PING']
const numericColumns = [4, 5, 6]

/** These counts are always shown. */
const usualReplicas = ['2', '1', '0']

/** Prints the file-servers, and under them how upkeep and the trackers are where the manager tells. */
export async function status(console: Console): Promise<void> {
  const { client, signal, stdout, isJson } = console
  const fileServers = await client.activeNodes({ signal })
  // What the manager knows by itself is shown even while its database is away.
  if (!isJson) stdout.write(`${renderNodes(fileServers, Date.now())}\n`)
  const upkeep = await client.upkeep({ signal }).catch((error: unknown) => {
    // An older manager does not tell.
    if (hasErrorName(error, 'ROUTE_NOT_FOUND')) return null
    throw error
  })
  if (!isJson && upkeep !== null) stdout.write(`\n${renderUpkeep(upkeep, Date.now())}\n`)
  const tracker = await client.trackerStatus({ signal }).catch((error: unknown) => {
    // It tells only who has the cluster's secret, where others reach it too.
    if (hasErrorName(error, 'ROUTE_NOT_FOUND') || hasErrorName(error, 'UNAUTHORIZED')) return null
    throw error
  })
  if (isJson) stdout.write(`${JSON.stringify({ fileServers, upkeep, tracker })}\n`)
  else if (tracker !== null && isUsed(tracker)) stdout.write(`${renderTracker(tracker)}\n`)
}

function isUsed({ peers, tracks, users, announces }: TrackerStatus): boolean {
  return peers + tracks + users.active + users.inactive + announces > 0
}

function renderTracker({ peers, tracks, users, announces }: TrackerStatus): string {
  const swarms = `${countOf(peers, 'peer')}, ${countOf(announces, 'announce')}`
  return `Trackers: ${swarms}; ${countOf(users.active, 'user')} online, ${users.inactive} away, with ${countOf(tracks, 'file')}`
}

function renderNodes(nodes: readonly ActiveNode[], nowMs: number): string {
  if (nodes.length === 0) return 'No file-server is active.'
  const rows = nodes.map((node) => [
    node.id,
    node.name,
    node.zone ?? '-',
    node.state,
    String(node.files),
    formatBytes(node.bytes),
    formatBytes(node.freeBytes),
    formatAge(node.lastPingAt, nowMs),
  ])
  return formatTable(header, rows, numericColumns)
}

function renderUpkeep({ chunks, loops, fileServers, halted }: Upkeep, nowMs: number): string {
  const healing = loops.find(({ name }) => name === 'replicate')
  return [
    renderChunks(chunks, nowMs),
    ...(healing === undefined ? [] : [`Healing: ${renderLoop(healing)}`]),
    ...fileServers.lost.map(
      ({ id, name, zone, lostAt }) =>
        `Lost: file-server ${name} (${id}, zone ${zone}), since ${formatAge(lostAt, nowMs)}`,
    ),
    ...halted.map(
      ({ fileServer, name, why, count, copies }) =>
        `Halted: ${count} of ${copies} copies on file-server ${name} (${fileServer}) ${whyHalted(why)}, so nothing of it is removed`,
    ),
  ].join('\n')
}

function whyHalted(why: string): string {
  return why === 'missing' ? 'are missing' : 'have no record'
}

function renderChunks(chunks: Upkeep['chunks'], nowMs: number): string {
  if (chunks === null) return 'Chunks of class replicated: not counted yet'
  const { total, byReplicas, countedAt } = chunks
  const others = Object.keys(byReplicas).filter((replicas) => !usualReplicas.includes(replicas))
  const shares = [...others.sort((a, b) => Number(b) - Number(a)), ...usualReplicas].map(
    (replicas) => `${byReplicas[replicas] ?? 0} with ${replicas}`,
  )
  return `Chunks of class replicated: ${total}; by replicas: ${shares.join(', ')} (counted ${formatAge(countedAt, nowMs)})`
}

function renderLoop({ state, detail, done, remaining, bytesPerSecond, secondsLeft, lastError }: UpkeepLoop): string {
  const isAtWork = remaining !== null && remaining > 0
  return [
    detail === undefined ? state : `${state} (${detail})`,
    `${done} chunks done`,
    ...(remaining === null ? [] : [`${remaining} to do`]),
    ...(isAtWork && bytesPerSecond !== null ? [`${formatBytes(Math.round(bytesPerSecond))}/s`] : []),
    ...(isAtWork && secondsLeft !== null ? [`${formatDuration(secondsLeft)} left`] : []),
    ...(lastError === undefined ? [] : [`last error: ${lastError}`]),
  ].join(', ')
}
