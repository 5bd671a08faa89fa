import { LARGEST_FILE_BYTES, MAX_MESSAGE_BYTES, PART_BYTES } from '@holdfast/shared/limits'
import { PART_TAG_BYTES } from '@holdfast/shared/node/part-digest'
import { parseAck, parseWire, wireSchemas } from '@holdfast/shared/wire/command-schemas'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const copyId = 'ab'.repeat(20)
const sha256 = 'cd'.repeat(32)
const namedCopy = { copyId, slot: 0, sha256 }
const good = {
  uploadFile: { copyId, encoding: 'base64', sizeBytes: null, sha256: null, requestId: 'r' },
  uploadFrame: { copyId, seq: 0 },
  readFile: { ...namedCopy, sizeBytes: 1, offset: 0, length: 1 },
  downloadFile: {
    ...namedCopy,
    sizeBytes: null,
    offset: 0,
    length: 1,
    streamId: 'ef'.repeat(8),
    requestId: 'r',
    isRaw: false,
  },
  transferFile: { ...namedCopy, streamId: 'ef'.repeat(8) },
  deleteFile: { copyId, slot: null, requestId: 'r' },
  namedCopy,
} as const
type Command = keyof typeof good
const commands = Object.keys(good) as Command[]

test.each(commands)('takes a good %s', (command) => {
  expect(parseWire<unknown>(wireSchemas[command], good[command])).toEqual(good[command])
})

test.each(commands)('refuses a %s with a field more, a field less, or a field of another kind', (command) => {
  const refuses = (value: unknown) =>
    expect(() => parseWire<unknown>(wireSchemas[command], value)).toThrow(
      expect.objectContaining({ name: 'INVALID_REQUEST' }),
    )
  refuses({ ...good[command], path: '../../etc' })
  for (const key of Object.keys(good[command])) {
    const { [key]: right, ...less } = good[command] as Record<string, unknown>
    refuses(less)
    for (const value of [{}, [], true, -1, 1.5, Number.NaN, { $ne: 1 }, '../x'.repeat(50)]) {
      if (typeof value !== 'boolean' || typeof right !== 'boolean') refuses({ ...good[command], [key]: value })
    }
  }
})

test('whatever arrives, parsing ends with a value or with INVALID_REQUEST', () => {
  const property = fc.property(fc.anything(), fc.constantFrom(...commands), (value, command) => {
    try {
      parseWire<unknown>(wireSchemas[command], value)
    } catch (error) {
      expect(error).toMatchObject({ name: 'INVALID_REQUEST' })
    }
  })
  fc.assert(property, { numRuns: 500 })
})

test('what is wrong in an ack is the fault of who gave it, not of who asked', () => {
  expect(parseAck(wireSchemas.deleteAck, { ok: true, existed: true })).toEqual({ existed: true })
  for (const ack of [undefined, {}, { existed: 'yes' }])
    expect(() => parseAck(wireSchemas.deleteAck, ack)).toThrow(expect.objectContaining({ name: 'BAD_ANSWER' }))
})

test('the part tags of the largest file fit into one message', () => {
  expect((LARGEST_FILE_BYTES / PART_BYTES) * PART_TAG_BYTES).toBeLessThan(MAX_MESSAGE_BYTES)
})
