import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fullBitfieldOf, handshakeOf, MessageReader, messageOf } from '../../../src/peers/seed/peer-messages.ts'

const infoHash = 'ab'.repeat(20)
const handshake = handshakeOf(infoHash, Buffer.alloc(20, 'p'))

test('what a peer sends is cut into handshake and messages, however it comes', () => {
  const long = randomBytes(16_000)
  const sent = Buffer.concat([
    handshake,
    messageOf(2),
    Buffer.alloc(4),
    messageOf(5, long),
    messageOf(6, long.subarray(0, 12)),
  ])
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1 }), (sizes) => {
      const reader = new MessageReader()
      const received = []
      for (let at = 0, turn = 0; at < sent.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1
        received.push(...reader.take(sent.subarray(at, at + size)))
        at += size
      }
      expect(received).toEqual([
        { kind: 'handshake', infoHash, knowsExtensions: true },
        { kind: 'message', id: 2, payload: Buffer.alloc(0) },
        { kind: 'keep-alive' },
        { kind: 'message', id: 5, payload: long },
        { kind: 'message', id: 6, payload: long.subarray(0, 12) },
      ])
    }),
    { numRuns: 20 },
  )
})

test('what is not the protocol is refused at its first byte, and a message that is too long at its length', () => {
  const refusal = expect.objectContaining({ name: 'INVALID_REQUEST' })
  expect(() => [...new MessageReader().take(Buffer.from('G'))]).toThrow(refusal)
  const reader = new MessageReader()
  expect([...reader.take(handshake)]).toHaveLength(1)
  expect(() => [...reader.take(Buffer.from('00004001', 'hex'))]).toThrow(refusal)
})

test.each([
  [1, '80'],
  [8, 'ff'],
  [9, 'ff80'],
  [15, 'fffe'],
])('the bitfield of %i pieces is %s', (count, bits) => {
  expect(fullBitfieldOf(count).subarray(5).toString('hex')).toBe(bits)
})
