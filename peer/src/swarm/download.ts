import { once } from 'node:events'
import { lstat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { FollowingAbort } from '@holdfast/shared/following-abort'
import type { Logger } from '@holdfast/shared/node/logger'
import type { Metainfo } from '@holdfast/shared/node/torrent/metainfo'
import type { Torrent } from 'webtorrent'
import { PeerError, reasonOf } from '../peer-error.ts'
import { hashingProgress, type Progress } from '../progress.ts'
import { PieceFiles } from './piece-files.ts'
import { PieceOrder } from './piece-order.ts'
import { resume } from './resume.ts'
import type { ResumeJournal } from './resume-journal.ts'
import { type Received, watchSources } from './sources.ts'
import type { SwarmClient } from './swarm-client.ts'
import type { AnnounceState, SwarmView } from './trackers/http-tracker.ts'
import { type PeerFinder, peerAdder } from './trackers/peer-finder.ts'
import { WebSeed } from './web-seed.ts'

const PROGRESS_EVERY_MS = 200
/** With fewer peers than this, more are looked for. */
const ENOUGH_PEERS = 10
const MAX_WEB_REQUESTS = 4

export interface DownloadDeps {
  readonly swarm: SwarmClient
  /** What has been loaded is noted in this directory. */
  readonly journals: string
  readonly log: Logger
}

export interface DownloadWish {
  readonly metainfo: Metainfo
  /** The whole is called this in the end; nothing has that name yet. */
  readonly target: string
  readonly isUdpOnly: boolean
  /** Tells whether the files are called by their numbers, so that no name of the torrent's comes to the disk. */
  readonly isNumbered?: boolean
  /** Starts what looks for peers. */
  readonly findPeers: (found: FinderOptions) => readonly PeerFinder[]
  /** @param arrivingBytes have come from web seeds of pieces that are not done */
  readonly onProgress: (progress: Progress, arrivingBytes: number) => void
  /** Hears in a sentence what is worth knowing of those whom the bytes come from. */
  readonly onTrouble: (sentence: string) => void
  /** Looks at the whole before it gets its name. @throws PeerError where it is not what it should be */
  readonly verify?: (path: string) => Promise<void>
}

export type FinderOptions = Pick<SwarmView, 'onPeers' | 'state'>

export interface Downloaded {
  /** Counts what came over the network this time; the rest was there. */
  readonly received: Received
  readonly resumedBytes: number
}

/**
 * Loads a torrent from all who have something of it, and goes on where an earlier run was ended. Until the whole is durable
 * it is called `<target>.part`.
 * @throws PeerError in the user's words, also where the signal ends it
 */
export async function download(deps: DownloadDeps, wish: DownloadWish, signal: AbortSignal): Promise<Downloaded> {
  const { swarm, journals, log } = deps
  const { metainfo, target } = wish
  if ((await lstat(target).catch(() => null)) !== null) throw new PeerError(`${target} is there already`)
  if (swarm.has(metainfo.infoHash)) throw new PeerError('the torrent is being loaded or shared already')
  const part = `${target}.part`
  const store = new PieceFiles(metainfo, part, (index) => journal.note(index), wish.isNumbered)
  const { journal, known } = await resume(journals, metainfo, store, part)
  const torrent = swarm.add(metainfo.bare, {
    ...{ preloadedStore: store, storeCacheSlots: 0, strategy: 'rarest', maxWebConns: MAX_WEB_REQUESTS },
    ...(known !== null && { bitfield: known }),
  })
  const failed = new Promise<never>((_, reject) => {
    torrent.on('error', (error: Error) => reject(new PeerError(`${target} cannot be loaded: ${reasonOf(error)}`)))
    torrent.on('close', () => reject(new PeerError(`${target} is loaded no longer: the swarm has ended it`)))
  })
  failed.catch(() => undefined)
  const finders: PeerFinder[] = []
  using over = new FollowingAbort(signal)
  try {
    const { isUdpOnly, onTrouble } = wish
    const received = watchSources(torrent, { banned: swarm.banned, isUdpOnly, onDropped: onTrouble, log })
    const ready = torrent.ready ? null : once(torrent, 'ready', { signal })
    const hashing = showHashing(store, metainfo, wish.onProgress)
    await Promise.race([ready, failed]).finally(() => clearInterval(hashing))
    const order = new PieceOrder(torrent)
    order.install()
    await agree(journal, torrent)
    const resumedBytes = torrent.downloaded
    log.info({ infoHash: metainfo.infoHash, target, resumedBytes }, 'download begun')
    const webSeeds = metainfo.webSeeds.map((url) => new WebSeed(url, torrent, metainfo, swarm.reach))
    for (const seed of webSeeds) torrent.addWebSeed(seed)
    const add = peerAdder(swarm, torrent, isUdpOnly)
    finders.push(...wish.findPeers({ onPeers: add, state: () => stateOf(torrent, metainfo) }))
    const onProgress = (progress: Progress): void =>
      wish.onProgress(
        progress,
        webSeeds.reduce((sum, { arrivingBytes }) => sum + arrivingBytes, 0),
      )
    const onTick = (): void => {
      // webtorrent asks again when something arrives, so that what everybody leaves to somebody else would never come.
      torrent._update()
      order.takeOver()
    }
    await Promise.race([finish(torrent, metainfo, { onProgress, onTick }, over.signal), failed])
    await journal.flush()
    await store.sync()
    await wish.verify?.(part)
    await store.moveTo(target)
    await journal.remove()
    await Promise.all(finders.map((finder) => finder.complete()))
    log.info({ infoHash: metainfo.infoHash, target, received }, 'download complete')
    return { received, resumedBytes }
  } catch (error) {
    await journal.close().catch(() => undefined)
    if (signal.aborted) throw new PeerError('interrupted: the same command goes on where this one ended')
    throw error instanceof PeerError ? error : new PeerError(`${target} cannot be loaded: ${reasonOf(error)}`)
  } finally {
    over.abort()
    if (!torrent.destroyed) torrent.destroy()
    await Promise.all(finders.map((finder) => finder.close()))
  }
}

/** What is listed has to be what webtorrent found: where it found a piece wrong, or none was listed, it has hashed all. */
async function agree(journal: ResumeJournal, torrent: Torrent): Promise<void> {
  const isListed = (index: number): boolean => ((journal.known?.[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0
  if (journal.isBegun && torrent.pieces.every((_, index) => isListed(index) === torrent.bitfield.get(index))) return
  await journal.begin([...torrent.pieces.keys()].filter((index) => torrent.bitfield.get(index)))
}

/** Tells how it goes while webtorrent reads what is there already. */
function showHashing(store: PieceFiles, { length }: Metainfo, onProgress: DownloadWish['onProgress']): NodeJS.Timeout {
  const show = hashingProgress(length, (progress) => onProgress(progress, 0))
  return setInterval(() => show(Math.min(store.readBytes, length)), PROGRESS_EVERY_MS)
}

/** Waits until all pieces are there, and tells how it goes. */
async function finish(
  torrent: Torrent,
  metainfo: Metainfo,
  { onProgress, onTick }: { onProgress: (progress: Progress) => void; onTick: () => void },
  signal: AbortSignal,
): Promise<void> {
  const tell = (): void => {
    const left = metainfo.length - torrent.downloaded
    const bytesPerSecond = torrent.downloadSpeed
    onProgress({
      ...{ doneBytes: torrent.downloaded, totalBytes: metainfo.length, bytesPerSecond, peers: torrent.wires.length },
      secondsLeft: bytesPerSecond > 0 ? left / bytesPerSecond : null,
    })
  }
  while (!torrent.done) {
    tell()
    onTick()
    using pause = new FollowingAbort(signal)
    await Promise.race([
      once(torrent, 'done', { signal: pause.signal }),
      delay(PROGRESS_EVERY_MS, undefined, { signal: pause.signal }),
    ]).finally(() => pause.abort())
  }
  tell()
}

function stateOf(torrent: Torrent, metainfo: Metainfo): AnnounceState {
  if (torrent.destroyed) return { uploaded: 0, downloaded: 0, left: 0, isHungry: false }
  const { uploaded, downloaded, wires, done } = torrent
  return { uploaded, downloaded, left: metainfo.length - downloaded, isHungry: !done && wires.length < ENOUGH_PEERS }
}
