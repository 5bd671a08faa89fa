import Wire from 'bittorrent-protocol'
import { expect, test, vi } from 'vitest'
import { boundMessages } from '../../src/swarm/bound-messages.ts'

boundMessages()
const BLOCK = 16_384
const MIB = 1024 ** 2

/** Gives whatever is asked for. */
function giver() {
  const wire = new Wire('tcpIncoming')
  wire.on('error', () => undefined)
  wire.unchoke()
  wire.on('request', (_index: number, _offset: number, length: number, answer: (...args: unknown[]) => void) =>
    setImmediate(answer, null, Buffer.alloc(length)),
  )
  return wire
}

test('whoever asks for much and reads nothing has little of it in memory, and gets all of it once he reads', async () => {
  const wire = giver()
  let sent = 0
  wire.on('upload', (bytes: number) => {
    sent += bytes
  })
  for (let block = 0; block < 1_000; block++) wire._onRequest(0, block * BLOCK, BLOCK)
  await vi.waitFor(() => expect(sent).toBeGreaterThan(MIB / 2), { timeout: 10_000 })
  expect(wire.peerRequests.length).toBeLessThan(33)
  wire._onCancel(0, 999 * BLOCK, BLOCK)
  wire.on('data', () => undefined)
  await vi.waitFor(() => expect(sent).toBe(999 * BLOCK), { timeout: 10_000 })
})

test('whoever asks for ever is dropped', async () => {
  const wire = giver()
  for (let block = 0; block < 10_000; block++) wire._onRequest(0, block * BLOCK, BLOCK)
  wire.resume()
  await vi.waitFor(() => expect(wire.destroyed).toBe(true), { timeout: 10_000 })
  expect(wire.uploaded).toBeLessThan(3 * MIB)
})

test('blocks that nobody has asked for are passed over, and many of them end the connection', async () => {
  const wire = giver()
  const seen = vi.fn()
  wire.on('piece', seen)
  for (let index = 0; index < 100; index++) wire._onPiece(index, 0, Buffer.alloc(1))
  expect(wire.destroyed).toBe(false)
  for (let index = 0; index < 500; index++) wire._onPiece(-index, 0, Buffer.alloc(1))
  wire.resume()
  await vi.waitFor(() => expect(wire.destroyed).toBe(true), { timeout: 10_000 })
  expect(seen).not.toHaveBeenCalled()
})

test('a message that is longer than any ends the connection before it is waited for; a web seed sends whole pieces', async () => {
  const length = (bytes: number) => {
    const prefix = Buffer.alloc(4)
    prefix.writeUInt32BE(bytes)
    return prefix
  }
  const wire = giver()
  wire._onMessageLength(length(MIB))
  expect(wire.destroyed).toBe(false)
  wire._onMessageLength(length(MIB + 1))
  await vi.waitFor(() => expect(wire.destroyed).toBe(true), { timeout: 10_000 })
  const seed = new Wire('webSeed')
  seed.on('error', () => undefined)
  seed._onMessageLength(length(32 * MIB + 9))
  expect(seed.destroyed).toBe(false)
  seed._onMessageLength(length(33 * MIB))
  await vi.waitFor(() => expect(seed.destroyed).toBe(true), { timeout: 10_000 })
})

test('whoever is choked is told of each of his requests that it will not be answered', () => {
  const wire = Object.assign(giver(), { hasFast: true })
  const reject = vi.spyOn(wire, 'reject')
  for (let block = 0; block < 100; block++) wire._onRequest(0, block * BLOCK, BLOCK)
  wire.choke()
  expect(new Set(reject.mock.calls.map(([, offset]) => offset)).size).toBe(100)
})
