import type { Logger } from '@holdfast/shared/node/logger'
import type { SwarmClient } from '../swarm-client.ts'
import { HttpTracker, type SwarmView } from './http-tracker.ts'
import type { PeerFinder } from './peer-finder.ts'
import { UdpTracker } from './udp-tracker.ts'

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
  // Nothing can be sent to port 0: the socket throws where nobody catches it.
  const isUsed = ({ protocol, host, port: other }: URL) => protocol === 'udp:' && !hosts.has(host) && other !== '0'
  const urls = trackers.filter((url) => isUsed(new URL(url)))
  return [
    ...overHttp.map((url) => new HttpTracker({ ...common, url, fetch: swarm.reach.fetch })),
    ...urls.map((url) => new UdpTracker({ ...common, url })),
  ]
}
