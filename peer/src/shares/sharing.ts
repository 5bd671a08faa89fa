import { stat } from 'node:fs/promises'
import type { Logger } from '@holdfast/shared/node/logger'
import { reasonOf } from '../peer-error.ts'
import type { SwarmClient } from '../swarm/swarm-client.ts'
import { HashPeers } from '../swarm/trackers/hash-peers.ts'
import type { SwarmView } from '../swarm/trackers/http-tracker.ts'
import type { PeerFinder } from '../swarm/trackers/peer-finder.ts'
import { findByTrackers } from '../swarm/trackers/trackers.ts'
import type { Listening, TrackerClient } from '../tracker-client.ts'
import { keyOf, type Share, type ShareDatabase } from './share-database.ts'

export interface SharingDeps {
  readonly swarm: SwarmClient
  readonly tracker: TrackerClient
  readonly shares: ShareDatabase
  readonly listening: Listening
  readonly log: Logger
}

/** Who has all looks for nobody, and what is wrong with a tracker is in the log. */
const nobody = { onPeers: () => undefined, onTrouble: () => undefined }

/** Gives what is shared to whoever asks, and tells trackers of it while the peer is online. */
export class Sharing {
  readonly #deps: SharingDeps
  readonly #finders = new Map<string, readonly PeerFinder[]>()
  #isOnline = false

  constructor(deps: SharingDeps) {
    this.#deps = deps
    for (const share of deps.shares.all) this.#offer(share)
  }

  start(): void {
    this.#isOnline = true
    for (const share of this.#deps.shares.all)
      try {
        this.#announce(share)
      } catch (error) {
        this.#deps.log.warn({ path: share.path, reason: reasonOf(error) }, 'a share cannot be announced')
      }
  }

  /** @param torrent is kept; what is shared already has one */
  async add(share: Share, torrent?: Uint8Array): Promise<void> {
    this.#deps.shares.requireRoom()
    await this.#deps.shares.put(share, torrent)
    this.#offer(share)
    await this.#endAnnouncing(share)
    if (this.#isOnline) this.#announce(share)
  }

  async remove(share: Share): Promise<void> {
    this.#deps.shares.delete(share)
    this.#deps.swarm.withdraw(share.infoHash)
    // Another file may have the same bytes.
    const other = this.#deps.shares.all.find(({ infoHash }) => infoHash === share.infoHash)
    if (other !== undefined) this.#offer(other)
    await this.#endAnnouncing(share)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#finders.values()].flat().map((finder) => finder.close()))
  }

  /** Looks for peers of a torrent of the document. */
  findByHash(
    hash: string,
    isWhole: boolean,
    { onPeers, onTrouble }: Pick<SwarmView, 'onPeers' | 'onTrouble'>,
  ): PeerFinder {
    const { tracker, listening, log } = this.#deps
    return new HashPeers({ hash, tracker, listening, isWhole, onPeers, onTrouble, log })
  }

  #offer(share: Share): void {
    const { swarm, shares } = this.#deps
    swarm.offer(share.infoHash, {
      path: share.path,
      torrent: () => shares.torrentOf(share.infoHash),
      isUnchanged: () => isUnchanged(share),
    })
  }

  #announce(share: Share): void {
    if (share.kind === 'json') this.#finders.set(keyOf(share), [this.findByHash(share.hash, true, nobody)])
    if (share.kind !== 'torrent') return
    const state = () => ({ uploaded: 0, downloaded: share.size, left: 0, isHungry: false })
    const view = { infoHash: share.infoHash, state, ...nobody }
    this.#finders.set(keyOf(share), findByTrackers(this.#deps, share.trackers, view))
  }

  async #endAnnouncing(share: Share): Promise<void> {
    const finders = this.#finders.get(keyOf(share)) ?? []
    this.#finders.delete(keyOf(share))
    await Promise.all(finders.map((finder) => finder.close()))
  }
}

/** @returns whether the file is what was hashed, by its size and its time */
export async function isUnchanged({ path, size, changedAt }: Share): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile() && found.size === size && found.mtimeMs === changedAt,
    () => false,
  )
}
