import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createLogger, type Logger } from '@holdfast/shared/node/logger'
import { type Magnet, parseMagnet } from '@holdfast/shared/node/torrent/magnet'
import { MAX_TORRENT_BYTES, type Metainfo, readTorrent, TorrentError } from '@holdfast/shared/node/torrent/metainfo'
import { type PullMessage, type PullOrder, pullFiles } from '@holdfast/shared/node/torrent/pull-messages'
import { PeerError, reasonOf } from '../peer-error.ts'
import type { Progress } from '../progress.ts'
import { readBounded } from '../read-bounded.ts'
import { sayOnce } from '../say-once.ts'
import { download } from '../swarm/download.ts'
import { fetchMetainfo } from '../swarm/fetch-metainfo.ts'
import { reachOf } from '../swarm/reach.ts'
import { SwarmClient } from '../swarm/swarm-client.ts'
import { findByTrackers } from '../swarm/trackers/trackers.ts'
import { FinalError, judgeSources } from './judge-sources.ts'
import { stallJudge } from './stall-judge.ts'

const TELL_EVERY_MS = 1_000
const EXACT_SOURCE_MS = 60_000

/** Stands for whoever has a torrent pulled in. */
export interface PullOwner {
  tell(message: PullMessage): void
  /** Resolves when what the torrent is of may be loaded. */
  readonly go: () => Promise<void>
}

/**
 * Loads a torrent into a directory, and goes on where an attempt before was ended. It connects to others, and takes no
 * connections. @throws PeerError, FinalError, TorrentError in the user's words
 */
export async function pullTorrent(order: PullOrder, owner: PullOwner, signal: AbortSignal): Promise<void> {
  const log = createLogger('pull', 'silent')
  const reach = reachOf(order.allowsPrivate)
  const swarm = await SwarmClient.listen({ host: '127.0.0.1', port: 0, isTcpOnly: true, reach, log })
  const onTrouble = sayOnce((sentence) => owner.tell({ kind: 'trouble', sentence }))
  try {
    const magnet = order.magnet === null ? null : parseMagnet(order.magnet)
    const pull = { order, owner, swarm, onTrouble, log }
    const metainfo = (await readKnown(order)) ?? (await findMetainfo(pull, magnet, signal))
    const trackers = [...new Set([...metainfo.trackers, ...(magnet?.trackers ?? [])])]
    const webSeeds = [...new Set([...metainfo.webSeeds, ...(magnet?.webSeeds ?? [])])]
    const allowed = await judgeSources([...trackers, ...webSeeds], reach, onTrouble)
    if (allowed.length === 0) throw nobodyThere()
    owner.tell({ kind: 'known' })
    await owner.go()
    const isTracker = (url: string): boolean => url.startsWith('udp:') || trackers.includes(url)
    const found = {
      ...metainfo,
      trackers: allowed.filter(isTracker),
      webSeeds: allowed.filter((url) => !isTracker(url)),
    }
    await load(pull, found, signal)
    owner.tell({ kind: 'done' })
  } finally {
    await swarm.close()
  }
}

interface Pull {
  readonly order: PullOrder
  readonly owner: PullOwner
  readonly swarm: SwarmClient
  readonly onTrouble: (sentence: string) => void
  readonly log: Logger
}

/** @returns null where nothing is known, or what a crash has left of it */
async function readKnown({ directory, infoHash }: PullOrder): Promise<Metainfo | null> {
  try {
    const metainfo = readTorrent(await readFile(join(directory, pullFiles.torrent)))
    return metainfo.infoHash === infoHash ? metainfo : null
  } catch {
    return null
  }
}

/** Asks peers and addresses of the torrent at once, and keeps what the first of them tells. */
async function findMetainfo(pull: Pull, magnet: Magnet | null, signal: AbortSignal): Promise<Metainfo> {
  if (magnet === null) throw new FinalError('the torrent is not there')
  const { order, swarm, onTrouble } = pull
  const urls = await judgeSources([...magnet.exactSources, ...magnet.trackers], swarm.reach, onTrouble)
  const exactSources = urls.filter((url) => magnet.exactSources.includes(url))
  const trackers = urls.filter((url) => !magnet.exactSources.includes(url))
  const over = new AbortController()
  const late = AbortSignal.timeout(order.patienceMs)
  const bounded = AbortSignal.any([signal, over.signal, late])
  const askPeers = async (): Promise<Buffer> => {
    const state = () => ({ uploaded: 0, downloaded: 0, left: 1, isHungry: true })
    const findPeers = (onPeers: Parameters<typeof findByTrackers>[2]['onPeers']) =>
      findByTrackers(pull, trackers, { infoHash: magnet.infoHash, state, onPeers, onTrouble })
    return (await fetchMetainfo(pull, { infoHash: magnet.infoHash, isUdpOnly: false, findPeers }, bounded)).bare
  }
  if (urls.length === 0) throw nobodyThere()
  const asked = [
    ...exactSources.map((url) => fetchTorrent(pull, url, bounded)),
    ...(trackers.length > 0 ? [askPeers()] : []),
  ]
  try {
    const bytes = await Promise.any(asked)
    const path = join(order.directory, pullFiles.torrent)
    await writeFile(`${path}.new`, bytes)
    await rename(`${path}.new`, path)
    return readTorrent(bytes)
  } catch (error) {
    if (signal.aborted) throw new PeerError('interrupted')
    if (late.aborted) throw new PeerError(`nobody has told for ${minutes(order)} what the torrent is of`)
    const [first = error] = error instanceof AggregateError ? error.errors : [error]
    if (first instanceof TorrentError) throw first
    throw new PeerError(`nobody tells what the torrent is of: ${reasonOf(first)}`)
  } finally {
    over.abort()
    await Promise.allSettled(asked)
  }
}

async function fetchTorrent({ swarm, order }: Pull, url: string, signal: AbortSignal): Promise<Buffer> {
  const response = await swarm.reach.fetch(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(EXACT_SOURCE_MS)]),
  })
  const bytes = await readBounded(response, MAX_TORRENT_BYTES)
  if (!response.ok) throw new PeerError(`${url} answers ${response.status}`)
  if (infoHashOf(url, bytes) !== order.infoHash) throw new PeerError(`${url} has another torrent`)
  return bytes
}

/** What cannot be read may be the page of somebody's proxy: it says nothing of the torrent, which may be there the next time. */
function infoHashOf(url: string, bytes: Buffer): string {
  try {
    return readTorrent(bytes).infoHash
  } catch (error) {
    if (!(error instanceof TorrentError)) throw error
    throw new PeerError(`${url} does not answer with a torrent: ${error.message}`, { cause: error })
  }
}

async function load(
  { order, owner, swarm, onTrouble, log }: Pull,
  metainfo: Metainfo,
  signal: AbortSignal,
): Promise<void> {
  const stalled = new AbortController()
  const isStalled = stallJudge(order.patienceMs, performance.now())
  let lastPeers = 0
  let toldAt = Number.NEGATIVE_INFINITY
  const onProgress = (progress: Progress, arrivingBytes: number): void => {
    const now = performance.now()
    // What an attempt before has loaded is hashed with nobody connected.
    lastPeers = progress.peers ?? 0
    if (isStalled(progress, arrivingBytes, now)) stalled.abort()
    if (now - toldAt < TELL_EVERY_MS) return
    toldAt = now
    owner.tell({ kind: 'progress', ...progress, peers: lastPeers })
  }
  const { infoHash, trackers } = metainfo
  const target = join(order.directory, pullFiles.whole)
  try {
    await download(
      { swarm, journals: join(order.directory, pullFiles.journals), log },
      {
        ...{ metainfo, target, isUdpOnly: false, isNumbered: true },
        findPeers: ({ onPeers, state }) =>
          findByTrackers({ swarm, log }, trackers, { infoHash, onPeers, onTrouble, state }),
        onTrouble,
        onProgress,
      },
      AbortSignal.any([signal, stalled.signal]),
    )
  } catch (error) {
    // The user knows nothing of the directory.
    if (!stalled.signal.aborted) throw new PeerError(reasonOf(error).replaceAll(target, 'the torrent'))
    throw new PeerError(`nothing has come for ${minutes(order)}, with ${lastPeers} peers and web seeds connected`)
  }
}

function nobodyThere(): PeerError {
  return new PeerError('no tracker and no web seed of the torrent can be found')
}

function minutes({ patienceMs }: PullOrder): string {
  return patienceMs < 120_000 ? `${Math.round(patienceMs / 1_000)} s` : `${Math.round(patienceMs / 60_000)} minutes`
}
