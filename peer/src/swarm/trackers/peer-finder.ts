import { isIP } from 'node:net'
import { parseAddress } from '@holdfast/shared/node/address'
import type { Torrent } from 'webtorrent'
import type { SwarmClient } from '../swarm-client.ts'

/** Finds peers of a torrent, again and again until it is closed. */
export interface PeerFinder {
  /** Tells that the download is whole. It never fails. */
  complete(): Promise<void>
  close(): Promise<void>
}

export interface FoundPeer {
  readonly host: string
  readonly port: number
}

/** A tracker that names more is no tracker of this torrent's. */
const MAX_KNOWN = 300

/** Connects a torrent with peers that a tracker has named, over TCP first or over uTP alone. */
export function peerAdder(
  swarm: SwarmClient,
  torrent: Torrent,
  isUdpOnly: boolean,
): (peers: readonly FoundPeer[]) => void {
  return (peers) => {
    for (const { host: named, port } of peers) {
      // Others may write an address of IPv6 in any of its forms.
      const host = parseAddress(named)?.ip ?? named
      const version = isIP(host)
      const isPort = Number.isInteger(port) && port >= 1 && port <= 65_534
      if (torrent.destroyed || version === 0 || !isPort || swarm.isSelf(host, port)) continue
      if (!swarm.reach.allows(host)) continue
      if ((torrent._peers?.size ?? 0) >= MAX_KNOWN) return
      const address = version === 6 ? `[${host}]:${port}` : `${host}:${port}`
      if (swarm.banned.has(address) || torrent._peers?.has(address)) continue
      // webtorrent would try uTP three times before it tries TCP, which takes 40 s where a peer speaks none.
      torrent._addPeer(address, isUdpOnly ? 'utp' : 'tcp', 'tracker')
    }
  }
}
