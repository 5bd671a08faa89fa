import { LARGEST_FILE_BYTES, MAX_MESSAGE_BYTES, PART_BYTES } from '@holdfast/shared/limits'
import { PART_TAG_BYTES } from '@holdfast/shared/node/part-digest'
import { type CommandRow, fileServerCommands, managerCommands } from '@holdfast/shared/wire/commands'
import { parse } from '@holdfast/shared/wire/message'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { z } from 'zod'

const copyId = 'ab'.repeat(20)
const sha256 = 'cd'.repeat(32)
const namedCopy = { copyId, slot: 0, sha256 }
const streamId = 'ef'.repeat(8)
const bytes = Buffer.from('bytes')
const upload = { copyId, encoding: 'base64', sizeBytes: null, sha256: null, requestId: 'r' }
const span = { ...namedCopy, sizeBytes: 1, offset: 0, length: 1 }
const good = {
  'upload-file': { ...upload, bytes },
  'open-upload': { ...upload, partKey: null },
  'upload-frame': { copyId, seq: 0, bytes },
  'upload-end': { copyId, frameCount: 0 },
  'download-file': span,
  'open-download': { ...span, streamId, requestId: 'r' },
  'locate-file': namedCopy,
  'transfer-file': { ...namedCopy, streamId },
  'delete-file': { copyId, slot: null, requestId: 'r' },
  'quarantine-file': namedCopy,
  'restore-file': namedCopy,
  'discard-file': namedCopy,
} as const
const argumentOf = (command: Command): z.ZodType => managerCommands[command].argument
type Command = keyof typeof good
const commands = Object.keys(good) as Command[]

test.each(commands)('takes a good %s', (command) => {
  expect(parse(argumentOf(command), good[command], 'INVALID_REQUEST')).toEqual(good[command])
})

test.each(commands)('refuses a %s with a field more, a field less, or a field of another kind', (command) => {
  const refuses = (value: unknown) =>
    expect(() => parse(argumentOf(command), value, 'INVALID_REQUEST')).toThrow(
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
      parse(argumentOf(command), value, 'INVALID_REQUEST')
    } catch (error) {
      expect(error).toMatchObject({ name: 'INVALID_REQUEST' })
    }
  })
  fc.assert(property, { numRuns: 500 })
})

test('what is wrong in an ack is the fault of who gave it, not of who asked', () => {
  const { ack } = managerCommands['delete-file']
  expect(parse(ack, { ok: true, existed: true }, 'BAD_ANSWER')).toEqual({ existed: true })
  for (const value of [undefined, {}, [], { existed: 'yes' }])
    expect(() => parse(ack, value, 'BAD_ANSWER')).toThrow(expect.objectContaining({ name: 'BAD_ANSWER' }))
})

test('every command has a deadline, and only those whose acks are short travel in groups', () => {
  for (const row of Object.values({ ...managerCommands, ...fileServerCommands }))
    expect(row.deadlineMs).toBeGreaterThan(0)
  const grouped = Object.entries<CommandRow>({ ...managerCommands, ...fileServerCommands }).filter(
    ([, row]) => row.isGrouped,
  )
  expect(grouped.map(([command]) => command)).toEqual(['upload-file', 'download-file', 'delete-file'])
})

test('the part tags of the largest file fit into one message', () => {
  expect((LARGEST_FILE_BYTES / PART_BYTES) * PART_TAG_BYTES).toBeLessThan(MAX_MESSAGE_BYTES)
})
