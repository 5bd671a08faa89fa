import Wire from 'bittorrent-protocol'
import { expect, test, vi } from 'vitest'
import { askOnce } from '../../src/swarm/ask-once.ts'

askOnce()
const BLOCK = 16_384

/** Whoever asks, and whoever answers, with all that he is asked for. */
function connect() {
  const [asker, giver] = [new Wire('tcpOutgoing'), new Wire('tcpIncoming')]
  asker.pipe(giver).pipe(asker)
  for (const wire of [asker, giver]) wire.handshake('ab'.repeat(20), 'cd'.repeat(20))
  const requests: { offset: number; answer: (error: null, bytes: Uint8Array) => void }[] = []
  giver.on('request', (_index: number, offset: number, _length: number, answer) => requests.push({ offset, answer }))
  giver.unchoke()
  return { asker, giver, requests }
}

test('a block that is asked for twice comes once, to both who wait for it', async () => {
  const { asker, requests } = connect()
  await vi.waitFor(() => expect(asker.peerChoking).toBe(false), { timeout: 10_000 })
  const [first, second, other] = [vi.fn(), vi.fn(), vi.fn()]
  asker.request(1, 0, BLOCK, first)
  asker.request(1, 0, BLOCK, second)
  asker.request(1, BLOCK, BLOCK, other)
  await vi.waitFor(() => expect(requests.map(({ offset }) => offset)).toEqual([0, BLOCK]), { timeout: 10_000 })
  for (const { answer } of requests.toReversed()) answer(null, Buffer.alloc(BLOCK, 7))
  await vi.waitFor(() => expect(first).toHaveBeenCalled(), { timeout: 10_000 })
  for (const done of [first, second, other]) expect(done.mock.calls).toEqual([[null, expect.anything()]])
  // What has come may be asked for again.
  asker.request(1, 0, BLOCK, second)
  await vi.waitFor(() => expect(requests).toHaveLength(3), { timeout: 10_000 })
})

test('asking for a block does not look through all others that are under way', async () => {
  const { asker } = connect()
  await vi.waitFor(() => expect(asker.peerChoking).toBe(false), { timeout: 10_000 })
  let looks = 0
  const requests = new Proxy([], {
    get: (target, key, receiver) => {
      if (typeof key === 'string' && /^\d+$/.test(key)) looks += 1
      return Reflect.get(target, key, receiver)
    },
  })
  Object.assign(asker, { requests })
  for (let block = 0; block < 500; block++) asker.request(1, block * BLOCK, BLOCK, vi.fn())
  expect(asker.requests).toHaveLength(500)
  expect(looks).toBeLessThan(500)
})

/** How webtorrent ends a request itself. */
type Asker = Wire & { cancel(index: number, offset: number, length: number): void; _onTimeout(): void }

test.each<[string, (asker: Asker, giver: Wire) => unknown]>([
  ['cancelled', (asker) => asker.cancel(1, 0, BLOCK)],
  ['choked', (_, giver) => giver.choke()],
  ['left without an answer', (asker) => asker._onTimeout()],
])('a block that was %s may be asked for again', async (_, end) => {
  const { asker, giver, requests } = connect()
  await vi.waitFor(() => expect(asker.peerChoking).toBe(false), { timeout: 10_000 })
  const waiting = [vi.fn(), vi.fn()]
  for (const done of waiting) asker.request(1, 0, BLOCK, done)
  await vi.waitFor(() => expect(requests).toHaveLength(1), { timeout: 10_000 })
  end(asker as Asker, giver)
  await vi.waitFor(() => expect(asker.requests).toHaveLength(0), { timeout: 10_000 })
  for (const done of waiting) expect(done.mock.calls).toEqual([[expect.any(Error), null]])
  // While it is choked it is told so at once, and nothing is under way.
  if (asker.peerChoking) asker.request(1, 0, BLOCK, vi.fn())
  giver.unchoke()
  await vi.waitFor(() => expect(asker.peerChoking).toBe(false), { timeout: 10_000 })
  asker.request(1, 0, BLOCK, vi.fn())
  await vi.waitFor(() => expect(requests).toHaveLength(2), { timeout: 10_000 })
})
