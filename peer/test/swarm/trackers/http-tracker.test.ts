import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { encodeBencode } from '@holdfast/shared/node/torrent/bencode'
import { pino } from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import { HttpTracker } from '../../../src/swarm/trackers/http-tracker.ts'
import type { FoundPeer } from '../../../src/swarm/trackers/peer-finder.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

async function track(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const found: FoundPeer[] = []
  const warned = vi.fn()
  const log = Object.assign(pino({ level: 'silent' }), { warn: warned })
  const tracker = new HttpTracker({
    ...{ infoHash: 'ab'.repeat(20), peerId: 'cd'.repeat(20), port: 6_881, fetch, log },
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/announce`,
    state: () => ({ uploaded: 0, downloaded: 0, left: 1, isHungry: true }),
    onPeers: (peers) => found.push(...peers),
    onTrouble: () => undefined,
  })
  open.push(tracker, { close: () => server.close() })
  return { found, warned, tracker }
}

test('announces the start, the whole and the end, and reads peers of both families', async () => {
  const asked: string[] = []
  const { found, tracker } = await track((request, response) => {
    asked.push(request.url ?? '')
    const six = Buffer.from('20010db8000000000000000000000001ffff', 'hex')
    response.end(encodeBencode({ interval: 1_800, peers: Buffer.from([10, 0, 0, 1, 0x1a, 0xe1]), peers6: six }))
  })
  await vi.waitFor(() => expect(found).toHaveLength(2), { timeout: 10_000 })
  expect(found).toEqual([
    { host: '10.0.0.1', port: 6_881 },
    { host: '2001:0db8:0000:0000:0000:0000:0000:0001', port: 65_535 },
  ])
  await tracker.complete()
  await tracker.close()
  expect(asked[0]).toMatch(/info_hash=(%ab){20}&peer_id=(%cd){20}&port=6881.*&left=1.*&event=started$/)
  expect(asked[1]).toMatch(/event=completed$/)
  expect(asked[2]).toMatch(/event=stopped$/)
})

test('a tracker that may have heard of the start is told of the end, though it has not answered', async () => {
  const asked: string[] = []
  const { tracker } = await track((request, response) => {
    asked.push(/event=\w+/.exec(request.url ?? '')?.[0] ?? '')
    if (asked.length > 1) response.end(encodeBencode({ interval: 1_800 }))
  })
  await vi.waitFor(() => expect(asked).toEqual(['event=started']))
  await tracker.close()
  expect(asked).toEqual(['event=started', 'event=stopped'])
})

test.each<[string, (response: ServerResponse) => void]>([
  ['is not bencoded', (response) => response.end('<html>')],
  ['has a length below zero', (response) => response.end('l-3:')],
  [
    'has no end',
    (response) => {
      const timer = setInterval(() => response.write(Buffer.alloc(100_000)), 1)
      response.once('close', () => clearInterval(timer))
    },
  ],
  ['is a refusal', (response) => response.end(encodeBencode({ 'failure reason': 'go away' }))],
])('an answer that %s finds nobody and harms nobody', async (_, answer) => {
  const { found, warned } = await track((_request, response) => answer(response))
  await vi.waitFor(() => expect(warned).toHaveBeenCalled(), { timeout: 10_000 })
  expect(found).toEqual([])
})
