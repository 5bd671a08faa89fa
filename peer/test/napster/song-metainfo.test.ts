import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { songTorrent } from '../../src/napster/checksum.ts'
import { fetchSongMetainfo } from '../../src/napster/song-metainfo.ts'
import { SwarmClient } from '../../src/swarm/swarm-client.ts'
import type { FoundPeer, PeerFinder } from '../../src/swarm/trackers/peer-finder.ts'
import { hashFile } from '../../src/torrent/hash-file.ts'

const log = pino({ level: 'silent' })
let directory: string
let user: SwarmClient
let own: SwarmClient
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-song-'))
  user = await SwarmClient.listen({ host: '127.0.0.1', port: 0, log })
  own = await SwarmClient.listen({ host: '127.0.0.1', port: 0, log })
})
afterEach(async () => {
  await Promise.all([user.close(), own.close()])
  await rm(directory, { recursive: true })
})

/** The tracker names one user at a time. */
function oneByOne(users: readonly FoundPeer[]) {
  return (onPeers: (found: readonly FoundPeer[]) => void): PeerFinder => {
    const left = [...users]
    const timer = setInterval(() => onPeers(left.splice(0, 1)), 200)
    return {
      complete: async () => undefined,
      close: async () => clearInterval(timer),
    }
  }
}

test('of several users who have a song those are asked who are named later; one of another size is refused', async () => {
  const path = join(directory, 'song')
  await writeFile(path, randomBytes(300_000))
  const { size, sha256, pieces } = await hashFile(path, () => 262_144, AbortSignal.timeout(5_000))
  const { infoHash, bare } = songTorrent(size, sha256, pieces)
  user.offer(infoHash, { path, torrent: async () => bare, isUnchanged: async () => true })
  const dead = await SwarmClient.listen({ host: '127.0.0.1', port: 0, log })
  const { port } = dead
  await dead.close()
  const users = [
    { host: '127.0.0.1', port },
    { host: '127.0.0.1', port: user.port },
  ]
  const song = { infoHash, sha256, size }
  const found = await fetchSongMetainfo({ swarm: own, log }, song, oneByOne(users), AbortSignal.timeout(15_000))
  expect(found).toMatchObject({ infoHash, name: sha256, length: 300_000 })
  expect(own.has(infoHash)).toBe(false)
  const over = fetchSongMetainfo(
    { swarm: own, log },
    { ...song, size: size - 1 },
    oneByOne(users.slice(1)),
    AbortSignal.timeout(15_000),
  )
  await expect(over).rejects.toThrow('another song than the tracker says')
})

test('where the user ends it nobody is waited for', async () => {
  const song = { infoHash: 'ab'.repeat(20), sha256: 'cd'.repeat(32), size: 1 }
  const over = fetchSongMetainfo({ swarm: own, log }, song, oneByOne([]), AbortSignal.timeout(300))
  await expect(over).rejects.toThrow('interrupted')
  expect(own.has(song.infoHash)).toBe(false)
})
