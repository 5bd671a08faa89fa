import { once } from 'node:events'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeBencode } from '@holdfast/shared/node/torrent/bencode'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Share, ShareDatabase } from '../../src/shares/share-database.ts'
import { isUnchanged, Sharing } from '../../src/shares/sharing.ts'
import { everywhere } from '../../src/swarm/reach.ts'
import type { Offer, SwarmClient } from '../../src/swarm/swarm-client.ts'
import { TrackerClient } from '../../src/tracker-client.ts'

const log = pino({ level: 'silent' })
const infoHash = 'ab'.repeat(20)
let directory: string
let server: Server
let asked: string[]
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-sharing-'))
  asked = []
  server = createServer((request, response) => {
    asked.push(/event=\w+/.exec(request.url ?? '')?.[0] ?? '')
    response.end(encodeBencode({ interval: 1_800, peers: Buffer.alloc(0) }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterEach(async () => {
  server.close()
  await rm(directory, { recursive: true })
})

async function open() {
  const offers = new Map<string, Offer>()
  const swarm = {
    reach: everywhere,
    ...{ peerId: 'cd'.repeat(20), port: 6_881 },
    offer: (hash: string, offer: Offer) => offers.set(hash, offer),
    withdraw: (hash: string) => offers.delete(hash),
  }
  const shares = await ShareDatabase.open(join(directory, 'state'))
  const tracker = new TrackerClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const listening = { host: '127.0.0.1', port: 6_881 }
  const sharing = new Sharing({ swarm: swarm as unknown as SwarmClient, tracker, shares, listening, log })
  const shareOf = async (name: string): Promise<Share> => {
    const path = join(directory, name)
    await writeFile(path, 'bytes')
    const { size, mtimeMs: changedAt } = await stat(path)
    return { kind: 'torrent', path, size, changedAt, infoHash, trackers: [`${tracker.origin}/announce`] }
  }
  return { sharing, shares, offers, shareOf }
}

test('of two files with the same bytes the other is given when one is shared no longer', async () => {
  const { sharing, offers, shareOf } = await open()
  const [one, other] = [await shareOf('one'), await shareOf('other')]
  await sharing.add(one, Buffer.from('torrent'))
  await sharing.add(other, Buffer.from('torrent'))
  await sharing.remove(other)
  expect(offers.get(infoHash)?.path).toBe(one.path)
  await sharing.remove(one)
  expect(offers.size).toBe(0)
  await sharing.close()
})

test('a tracker hears when a share begins, and when it ends before the peer does', async () => {
  const { sharing, shareOf } = await open()
  sharing.start()
  const share = await shareOf('one')
  await sharing.add(share, Buffer.from('torrent'))
  await vi.waitFor(() => expect(asked).toEqual(['event=started']), { timeout: 10_000 })
  // Shared again, it is announced anew, and not twice.
  await sharing.add({ ...share }, Buffer.from('torrent'))
  await vi.waitFor(() => expect(asked).toEqual(['event=started', 'event=stopped', 'event=started']), {
    timeout: 10_000,
  })
  await sharing.remove({ ...share })
  expect(asked.slice(3)).toEqual(['event=stopped'])
  await sharing.close()
  expect(asked).toHaveLength(4)
})

test('one share whose tracker has no address that can be asked keeps no other from being announced', async () => {
  const { sharing, shares, shareOf } = await open()
  const share = await shareOf('one')
  if (share.kind !== 'torrent') throw new Error('it is none')
  await shares.put({ ...share, path: '/port of nobody', trackers: ['udp://127.0.0.1:0'] })
  await shares.put({ ...share, path: '/no address', trackers: ['udp://'] })
  await shares.put(share)
  sharing.start()
  await vi.waitFor(() => expect(asked).toEqual(['event=started']), { timeout: 10_000 })
  await sharing.close()
})

test('a file that was changed, replaced or taken away is known by its size and its time', async () => {
  const { shareOf } = await open()
  const share = await shareOf('one')
  expect(await isUnchanged(share)).toBe(true)
  await writeFile(share.path, 'other')
  expect(await isUnchanged({ ...share, changedAt: share.changedAt - 1 })).toBe(false)
  await rm(share.path)
  expect(await isUnchanged(share)).toBe(false)
})
