import { expect, test, vi } from 'vitest'
import type { Torrent } from 'webtorrent'
import { everywhere } from '../../../src/swarm/reach.ts'
import { BannedSources } from '../../../src/swarm/sources.ts'
import type { SwarmClient } from '../../../src/swarm/swarm-client.ts'
import { peerAdder } from '../../../src/swarm/trackers/peer-finder.ts'

function adder(isUdpOnly: boolean) {
  const banned = new BannedSources()
  banned.add('10.0.0.66:1')
  const peers = new Map<string, object>()
  const add = vi.fn((address: string, _type: string) => peers.set(address, {}))
  const torrent = { destroyed: false, _peers: peers, _addPeer: add }
  const swarm = { banned, reach: everywhere, isSelf: (host: string) => host === '10.0.0.1' }
  const onPeers = peerAdder(swarm as unknown as SwarmClient, torrent as unknown as Torrent, isUdpOnly)
  return { onPeers, added: () => add.mock.calls.map(([address, type]) => `${type} ${address}`) }
}

test('those that a tracker names are added once, without this one and those who sent wrong bytes', () => {
  const { onPeers, added } = adder(false)
  const names = ['10.0.0.2', '10.0.0.2', '2001:db8::1', '2001:0db8::0001', '10.0.0.1', '10.0.0.66', 'host.example', '']
  onPeers(names.map((host) => ({ host, port: 6_881 })))
  onPeers([0, -1, 65_535, Number.NaN].map((port) => ({ host: '10.0.0.3', port })))
  expect(added()).toEqual(['tcp 10.0.0.2:6881', 'tcp [2001:db8::1]:6881'])
})

test('songs come by uTP alone', () => {
  const { onPeers, added } = adder(true)
  onPeers([{ host: '10.0.0.2', port: 6_881 }])
  expect(added()).toEqual(['utp 10.0.0.2:6881'])
})

test('a tracker that names thousands does not fill the memory', () => {
  const { onPeers, added } = adder(false)
  for (let net = 0; net < 20; net++)
    onPeers(Array.from({ length: 50 }, (_, host) => ({ host: `10.1.${net}.${host}`, port: 1 })))
  expect(added()).toHaveLength(300)
})
