import { createLogger } from '@holdfast/shared/node/logger'
import { encodeBencode } from '@holdfast/shared/node/torrent/bencode'
import { onTestFinished } from 'vitest'
import { waitUntil } from '../../../../test/cluster/wait-until.ts'
import { type SeedAddress, SeedPort, type SeedPortDeps } from '../../../src/peers/seed/seed-port.ts'
import { SeededTorrents } from '../../../src/peers/seed/seeded-torrents.ts'
import type { useDatabase } from '../../mongo/mongo-fixture.ts'
import { RawPeer } from './raw-peer.ts'
import { torrentsOf } from './stored-torrent.ts'

/** Clients ask for so many bytes at a time. */
export const BLOCK = 16_384
/** Peers of these tests want metadata to be sent under this. */
export const METADATA_ID = 7

/** Seeds one stored file on a port of its own. */
export async function openSeed(used: ReturnType<typeof useDatabase>, deps: Partial<SeedPortDeps> = {}) {
  const { torrents, files, store } = torrentsOf(used)
  const stored = await store()
  const seeded = new SeededTorrents({ torrents, files })
  const read = async (_record: unknown, start: number, target: Buffer) => {
    stored.bytes.copy(target, 0, start)
  }
  const seed = listen({ find: (hash) => seeded.find(hash), parts: { read }, ...deps })
  const port = await portOf(seed)
  const greet = (localAddress?: string) => RawPeer.greet(port, stored.hashes[0], localAddress)
  return { ...stored, files, seed, port, greet }
}

export function listen(deps: Partial<SeedPortDeps>, address: Partial<SeedAddress> = {}): SeedPort {
  const seed = new SeedPort(
    { host: '127.0.0.1', port: 0, isShared: false, ...address },
    {
      ...{ peerId: Buffer.from('-HF0100-123456789012'), log: createLogger('test', 'silent') },
      ...{ find: async () => null, parts: { read: async () => undefined } },
      ...deps,
    },
  )
  onTestFinished(() => seed.close())
  return seed
}

export async function portOf(seed: SeedPort): Promise<number> {
  await waitUntil('the seed listens', () => seed.port !== null)
  return seed.port ?? 0
}

/** Tells under which id metadata is wanted, and asks for a piece of it. */
export function askForMetadata(peer: RawPeer, piece: number): void {
  peer.send(20, Buffer.concat([Buffer.of(0), encodeBencode({ m: { ut_metadata: METADATA_ID } })]))
  peer.send(20, Buffer.concat([Buffer.of(1), encodeBencode({ msg_type: 0, piece })]))
}
