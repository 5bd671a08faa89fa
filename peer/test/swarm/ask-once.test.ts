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
  return { asker, requests }
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
