import type { Logger } from '@holdfast/shared/node/logger'
import { type AnnounceState, HttpTracker } from './http-tracker.ts'
import type { FoundPeer, PeerFinder } from './peer-finder.ts'
import type { SwarmClient } from './swarm-client.ts'
import { UdpTrackers } from './udp-trackers.ts'

export interface SwarmView {
  readonly infoHash: string
  readonly state: () => AnnounceState
  readonly onPeers: (peers: readonly FoundPeer[]) => void
  /** Hears in a sentence why a tracker is of no use at the moment. */
  readonly onTrouble: (sentence: string) => void
}

/** Looks for peers of a torrent by its trackers; of one that answers over HTTP and UDP only HTTP is used. */
export function findByTrackers(
  { swarm, log }: { readonly swarm: SwarmClient; readonly log: Logger },
  trackers: readonly string[],
  view: SwarmView,
): PeerFinder[] {
  const { peerId, port } = swarm
  const common = { ...view, log, peerId, port }
  const overHttp = trackers.filter((url) => url.startsWith('http'))
  const hosts = new Set(overHttp.map((url) => new URL(url).host))
  const urls = trackers.filter((url) => url.startsWith('udp:') && !hosts.has(new URL(url).host))
  return [
    ...overHttp.map((url) => new HttpTracker({ ...common, url, fetch: swarm.reach.fetch })),
    ...(urls.length > 0 ? [new UdpTrackers({ ...common, urls })] : []),
  ]
}
