import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { FRAME_BYTES, INLINE_MAX_BYTES, PART_BYTES } from '@holdfast/shared/limits'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import { expect, test, vi } from 'vitest'
import { readPart } from '../../../src/chunks/reading/read-part.ts'
import { type Ack, leftOf, nothing, type Script, useSocketServer } from '../scripted-file-server.ts'
import { gate, located, useLocalDisks } from './local-disk-fixture.ts'
import { LentBuffers, readBytes } from './read-part-fixture.ts'

// Copies are closed when the connections are, so those are ended first.
const { store, filesOpen, pathOf } = useLocalDisks()
const { connect } = useSocketServer()

type Command = { offset: number; length: number; streamId: string }
const LARGE = 3 * FRAME_BYTES
const spanOf = (length: number, offset = 0) => ({ sizeBytes: null, offset, length, requestId: 'test' })

/** Connects a file-server on this machine that has these bytes, on its disk and to send, and says what it was asked for. */
async function connectLocal(bytes: Buffer, script: Script = {}) {
  const stored = await store(bytes)
  const { peer, link } = await connect({ hello: { allowsLocalReads: true }, ...script })
  const asked: string[] = []
  const ack = await located(stored.path)
  peer.answer('locate-file', (_copy: NamedCopy, answer: Ack) => {
    asked.push('locate-file')
    answer(ack)
  })
  peer.answer('download-file', ({ offset, length }: Command, answer: Ack) => {
    asked.push('download-file')
    answer({ ok: true, bytes: bytes.subarray(offset, offset + length) })
  })
  peer.answer('open-download', async ({ offset, length, streamId }: Command, answer: Ack) => {
    asked.push('open-download')
    const sent = bytes.subarray(offset, offset + length)
    answer({ ok: true })
    for (let at = 0, seq = 0; at < length; at += FRAME_BYTES, seq++) {
      const isLast = at + FRAME_BYTES >= length
      await peer.send('stream-frame', { streamId, seq, isLast }, sent.subarray(at, at + FRAME_BYTES))
    }
  })
  return { ...stored, peer, link, asked }
}

test('large reads of a file-server on this machine come from its disk, each right, by one question', async () => {
  const bytes = randomBytes(2 * PART_BYTES + 12_345)
  const { copy, link, asked } = await connectLocal(bytes)
  for (const [offset, length] of [
    [0, PART_BYTES],
    [PART_BYTES, PART_BYTES],
    [PART_BYTES + 12_345, PART_BYTES],
    [5, INLINE_MAX_BYTES + 1],
  ] as const) {
    const read = await readBytes(link, copy, { ...spanOf(length, offset), sizeBytes: bytes.length })
    expect(read.equals(bytes.subarray(offset, offset + length))).toBe(true)
  }
  expect([asked, leftOf(link)]).toEqual([['locate-file'], nothing])
})

test('the bytes come in the memory that was given for them', async () => {
  const bytes = randomBytes(LARGE)
  const { copy, link } = await connectLocal(bytes)
  const buffers = new LentBuffers()
  const read = await readBytes(link, copy, { ...spanOf(LARGE), buffers })
  expect([read.equals(bytes), buffers.lent.map((buffer) => buffer === read)]).toEqual([true, [true]])
})

test('small reads, and those of a file-server that does not allow it, are not from its disk', async () => {
  const bytes = randomBytes(LARGE)
  const local = await connectLocal(bytes)
  const small = await readBytes(local.link, local.copy, spanOf(INLINE_MAX_BYTES))
  expect([small.equals(bytes.subarray(0, INLINE_MAX_BYTES)), local.asked]).toEqual([true, ['download-file']])
  const other = await connectLocal(bytes, { hello: { allowsLocalReads: false } })
  const large = await readBytes(other.link, other.copy, spanOf(LARGE))
  expect([large.equals(bytes), other.asked]).toEqual([true, ['open-download']])
})

test('a copy that this machine does not have comes by messages, into other memory, and so does the next', async () => {
  const bytes = randomBytes(LARGE)
  const { copy, path, link, asked } = await connectLocal(bytes)
  await rm(path)
  const buffers = new LentBuffers()
  const read = await readBytes(link, copy, { ...spanOf(LARGE), buffers })
  expect([read.equals(bytes), buffers.lent.map((buffer) => buffer === read)]).toEqual([true, [false, true]])
  expect(asked).toEqual(['locate-file', 'open-download'])
  expect((await readBytes(link, copy, spanOf(LARGE))).equals(bytes)).toBe(true)
  expect([asked.slice(2), leftOf(link)]).toEqual([['open-download'], nothing])
})

test('what the file-server says of a copy is the outcome, and the bytes are not asked for again', async () => {
  const { copy, link, peer, asked } = await connectLocal(randomBytes(LARGE))
  for (const name of ['COPY_NOT_FOUND', 'COPY_MISMATCH']) {
    peer.answer('locate-file', (_copy: NamedCopy, ack: Ack) => ack({ ok: false, error: { name } }))
    await expect(readPart(link, copy, spanOf(LARGE))).rejects.toMatchObject({ name })
  }
  expect([asked, link.disk.isUsable, leftOf(link)]).toEqual([[], true, nothing])
})

test('while as many reads of disks are under way as may be, half of the threads, the next one comes by messages', async () => {
  const bytes = randomBytes(LARGE)
  const { copy, link, peer, asked } = await connectLocal(bytes)
  const { opened, open } = gate()
  peer.answer('locate-file', async (wanted: NamedCopy, ack: Ack) => {
    await opened
    ack(await located(pathOf(wanted)))
  })
  const reads = [0, 1].map(() => readBytes(link, copy, spanOf(LARGE)))
  expect(link.disk.isUsable).toBe(false)
  const next = await readBytes(link, copy, spanOf(LARGE))
  expect([next.equals(bytes), asked]).toEqual([true, ['open-download']])
  open()
  for (const read of reads) expect((await read).equals(bytes)).toBe(true)
  expect([asked, leftOf(link)]).toEqual([['open-download'], nothing])
})

test('a file-server that goes away ends the reads that wait for it, and leaves none of its files open', async () => {
  const { copy, link, peer } = await connectLocal(randomBytes(LARGE))
  await readBytes(link, copy, spanOf(LARGE))
  expect(link.disk.openCount).toBe(1)
  peer.answer('locate-file', () => peer.socket.disconnect())
  const other = (await store()).copy
  await expect(readPart(link, other, spanOf(LARGE))).rejects.toMatchObject({ name: 'LINK_LOST' })
  await vi.waitFor(async () => expect([link.disk.openCount, await filesOpen()]).toEqual([0, []]))
  expect(leftOf(link)).toEqual(nothing)
})

test('a client that hangs up before or during a read from disk ends it, and the next one is right', async () => {
  const bytes = randomBytes(LARGE)
  const { copy, peer, link, path } = await connectLocal(bytes)
  const gone = AbortSignal.abort()
  await expect(readPart(link, copy, spanOf(LARGE), { signal: gone })).rejects.toMatchObject({ name: 'CANCELLED' })
  expect(link.disk.openCount).toBe(0)
  const controller = new AbortController()
  const ack = await located(path)
  peer.answer('locate-file', (_copy: NamedCopy, answer: Ack) => {
    controller.abort()
    answer(ack)
  })
  await expect(readPart(link, copy, spanOf(LARGE), controller)).rejects.toMatchObject({ name: 'CANCELLED' })
  expect((await readBytes(link, copy, spanOf(LARGE))).equals(bytes)).toBe(true)
})
