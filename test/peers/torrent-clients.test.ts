import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { request } from '../cluster/http.ts'
import { put } from '../cluster/shares.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { TestPeer } from '../cluster/test-peer.ts'
import { networkAddress as address, loadBy, clientsThere as there } from '../cluster/torrent-clients.ts'

const bytes = randomBytes(6_000_000)
let cluster: TestCluster
beforeAll(async () => {
  cluster = await TestCluster.start({
    mongoUrl: inject('mongoUrl'),
    fileServers: 2,
    // With the store as a peer nobody could tell what comes from a web seed, and what from another peer.
    managerEnvironment: { HOST: address ?? '127.0.0.1', ALLOW_ANONYMOUS: 'true', SEED_PORT: 'off' },
  })
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

const load = (name: string, torrent: string, file: string) => loadBy(name, torrent, file, bytes)

/** @returns the torrent with no web seed in it, which stands last */
const withoutWebSeed = (torrent: Buffer) =>
  Buffer.concat([torrent.subarray(0, torrent.indexOf('8:url-list')), Buffer.from('e')])

if (address === undefined)
  console.error('NOT TESTED, for this machine has no address but its own: other BitTorrent clients')

// Each has a file of its own, or they would be peers of each other.
describe.skipIf(address === undefined)('a stored file is downloaded by its torrent', () => {
  test.concurrent.each(there)('by %s from the web seed alone, from a peer alone, and from both', async (name) => {
    const file = `film-for-${name}.bin`
    await using peer = await TestPeer.make(cluster.url, '0.0.0.0')
    expect((await put(cluster.url, file, bytes)).status).toBe(201)
    await writeFile(peer.path('stored.torrent'), (await request(`${cluster.url}/file/${file}?torrent`)).body)
    await load(name, peer.path('stored.torrent'), file)

    await writeFile(peer.path(file), bytes)
    const online = await peer.run()
    online.type(`upload ${file} peers.torrent`)
    await online.says('SUCCESSFUL UPLOAD')
    await load(name, peer.path('peers.torrent'), file)
    // The same pieces are the same swarm, to which the torrent of the store adds the web seed.
    await load(name, peer.path('stored.torrent'), file)
  })
})

describe.skipIf(address === undefined)('a stored file is downloaded by its hybrid torrent', () => {
  // Transmission 3 reads no hybrid at all, for one has a key of no characters, which aria2 1.36 leaves out when it computes
  // the info-hash, so that it finds nobody but the web seed (docs/decisions/0016-hybrid-torrents.md).
  test.concurrent.each(there.filter((name) => name !== 'transmission-cli'))(
    'by %s from the web seed alone, and by others than aria2 from a peer alone that has loaded it so',
    async (name) => {
      const file = `hybrid-for-${name}.bin`
      await using peer = await TestPeer.make(cluster.url, '0.0.0.0')
      expect((await put(cluster.url, file, bytes)).status).toBe(201)
      const hybrid = (await request(`${cluster.url}/file/${file}?torrent&version=hybrid`)).body
      await writeFile(peer.path('hybrid.torrent'), hybrid)
      await load(name, peer.path('hybrid.torrent'), file)

      const online = await peer.run()
      online.type('download hybrid.torrent loaded.bin')
      await online.says('SUCCESSFUL DOWNLOAD')
      expect((await readFile(peer.path('loaded.bin'))).equals(bytes)).toBe(true)
      if (name === 'aria2c') return
      await writeFile(peer.path('peers.torrent'), withoutWebSeed(hybrid))
      await load(name, peer.path('peers.torrent'), file)
    },
  )
})
