import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { chunkNumberOf, type PartKey } from '@holdfast/shared/ids'
import { digestPart } from '@holdfast/shared/node/part-digest'
import type { StoredCopy } from '@holdfast/shared/wire/shapes'
import { expect, test, vi } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { digestOf, named } from '../store/new-copies.ts'
import { openingOf, uploadInline, uploadOf, useFileServer } from './link-fixture.ts'

const { linked, startManager, link, files } = useFileServer()
const FRAME = 64 * 1024

test('invariant 5: an inline upload delivered twice, at once or later, has the effect of one', async () => {
  const { on, store } = await linked()
  const bytes = randomBytes(5_000)
  const command = uploadOf(newCopyId())
  const atOnce = await Promise.all([1, 2, 3].map(() => on.call('upload-file', command, bytes)))
  const later = await on.call('upload-file', command, bytes)
  const copies = [...atOnce, later].map((ack) => ack.copy as StoredCopy)
  expect(copies.map(({ slot }) => slot)).toEqual(Array.from({ length: 4 }, () => copies[0]?.slot))
  expect(copies[0]).toMatchObject({ sizeBytes: 5_000, sha256: digestOf(bytes) })
  const [path, ...others] = await files()
  expect(others).toEqual([])
  expect((await readFile(path ?? '')).equals(bytes)).toBe(true)
  expect(store.status().copyCount).toBe(1)
})

test('invariant 5: frames and ends delivered twice, at once or later, have the effect of one', async () => {
  const { on, store, uploads } = await linked()
  const frames = Array.from({ length: 5 }, () => randomBytes(FRAME))
  const copyId = newCopyId()
  await Promise.all([on.call('open-upload', openingOf(copyId)), on.call('open-upload', openingOf(copyId))])
  for (const [seq, bytes] of frames.entries()) {
    await Promise.all([1, 2].map(() => on.call('upload-frame', { copyId, seq }, bytes)))
    await on.call('upload-frame', { copyId, seq: 0 }, randomBytes(10))
  }
  const end = { copyId, frameCount: frames.length }
  const ends = await Promise.all([on.call('upload-end', end), on.call('upload-end', end)])
  ends.push(await on.call('upload-end', end))
  await on.call('upload-frame', { copyId, seq: 2 }, randomBytes(10))
  const whole = Buffer.concat(frames)
  for (const { copy } of ends) expect(copy).toMatchObject({ sha256: digestOf(whole), sizeBytes: whole.length })
  expect(await files()).toHaveLength(1)
  expect([store.status().copyCount, uploads.runningCount]).toEqual([1, 0])
})

test('invariant 5: a delete delivered twice removes one copy, and an upload after it is refused for ever', async () => {
  const { on } = await linked()
  const kept = await uploadInline(on, randomBytes(100))
  const gone = await uploadInline(on, randomBytes(100))
  const command = { copyId: gone.copyId, slot: gone.slot, requestId: 'test' }
  expect(await on.call('delete-file', command)).toMatchObject({ existed: true })
  expect(await on.call('delete-file', command)).toMatchObject({ existed: false })
  const again = await on.refusal('upload-file', uploadOf(gone.copyId), randomBytes(100))
  const opened = await on.refusal('open-upload', openingOf(gone.copyId))
  expect([again.name, opened.name]).toEqual(['COPY_DISCARDED', 'COPY_DISCARDED'])
  expect((await files()).map((path) => path.includes(kept.copyId))).toEqual([true])
})

test('a delete that comes before its upload keeps that from ever being stored', async () => {
  const { on } = await linked()
  const [inline, stream] = [newCopyId(), newCopyId()]
  for (const copyId of [inline, stream])
    expect(await on.call('delete-file', { copyId, slot: null, requestId: 'test' })).toMatchObject({ existed: false })
  expect(await on.refusal('upload-file', uploadOf(inline), randomBytes(10))).toMatchObject({ name: 'COPY_DISCARDED' })
  expect(await on.refusal('open-upload', openingOf(stream))).toMatchObject({ name: 'COPY_DISCARDED' })
  expect(await on.refusal('upload-frame', { copyId: stream, seq: 0 }, randomBytes(10))).toMatchObject({
    name: 'COPY_DISCARDED',
  })
  expect(await on.refusal('upload-end', { copyId: stream, frameCount: 1 })).toMatchObject({ name: 'COPY_DISCARDED' })
  expect(await files()).toEqual([])
})

test('a delete without a slot, while its inline upload is being written, removes what that wrote', async () => {
  const { on, store } = await linked()
  for (let round = 0; round < 10; round++) {
    const copyId = newCopyId()
    const [stored, deleted] = await Promise.allSettled([
      on.call('upload-file', uploadOf(copyId), randomBytes(50_000)),
      on.call('delete-file', { copyId, slot: null, requestId: 'test' }),
    ])
    expect(deleted).toMatchObject({ status: 'fulfilled', value: { existed: stored.status === 'fulfilled' } })
  }
  expect(await files()).toEqual([])
  expect(store.status().copyCount).toBe(0)
})

test('a delete in the middle of a stream ends it and leaves nothing', async () => {
  const { on, uploads } = await linked()
  const copyId = newCopyId()
  await on.call('open-upload', openingOf(copyId))
  await on.call('upload-frame', { copyId, seq: 0 }, randomBytes(FRAME))
  expect(await files()).toHaveLength(1)
  expect(await on.call('delete-file', { copyId, slot: null, requestId: 'test' })).toMatchObject({ existed: false })
  expect(await files()).toEqual([])
  expect(await on.refusal('upload-frame', { copyId, seq: 1 }, randomBytes(10))).toMatchObject({
    name: 'COPY_DISCARDED',
  })
  expect(uploads.runningCount).toBe(0)
})

test('a delete that races the end of its stream leaves nothing, whichever comes first', async () => {
  const { on, store } = await linked()
  for (let round = 0; round < 10; round++) {
    const copyId = newCopyId()
    await on.call('open-upload', openingOf(copyId))
    await on.call('upload-frame', { copyId, seq: 0 }, randomBytes(1_000))
    const discard = (): Promise<unknown> => on.call('delete-file', { copyId, slot: null, requestId: 'test' })
    const end = (): Promise<unknown> => on.call('upload-end', { copyId, frameCount: 1 })
    await Promise.allSettled(round % 2 === 0 ? [end(), discard()] : [discard(), end()])
  }
  expect(await files()).toEqual([])
  expect(store.status().copyCount).toBe(0)
})

test('a copyId names one upload for ever: another link, another way of sending, or a second stream is refused', async () => {
  const { on, manager, links } = await linked({ managerId: '1111111111111111' })
  const second = await startManager({ managerId: '2222222222222222' })
  await manager.admitted[0]?.call('welcome', { managers: [manager.url, second.url] })
  const other = await second.connection(1, second.admitted)
  expect(links.connectedCount).toBe(2)

  const open = newCopyId()
  await on.call('open-upload', openingOf(open))
  expect(await other.refusal('open-upload', openingOf(open))).toMatchObject({ name: 'INVALID_REQUEST' })
  expect(await on.refusal('upload-file', uploadOf(open), randomBytes(10))).toMatchObject({ name: 'INVALID_REQUEST' })
  await on.call('upload-frame', { copyId: open, seq: 0 }, Buffer.from('the first'))
  const { copy } = await on.call('upload-end', { copyId: open, frameCount: 1 })
  expect(copy).toMatchObject({ sha256: digestOf(Buffer.from('the first')) })
  expect(await on.refusal('open-upload', openingOf(open))).toMatchObject({ name: 'INVALID_REQUEST' })
  const again = await other.call('upload-file', uploadOf(open), Buffer.from('other bytes'))
  expect(again.copy).toMatchObject({ sha256: digestOf(Buffer.from('the first')) })
})

test('the bytes of a wrong digest are refused and leave nothing', async () => {
  const { on, store } = await linked()
  const sha256 = digestOf(Buffer.from('expected'))
  expect(await on.refusal('upload-file', uploadOf(newCopyId(), { sha256 }), Buffer.from('others'))).toMatchObject({
    name: 'DIGEST_MISMATCH',
  })
  const copyId = newCopyId()
  await on.call('open-upload', openingOf(copyId, { sha256 }))
  await on.call('upload-frame', { copyId, seq: 0 }, Buffer.from('others'))
  expect(await on.refusal('upload-end', { copyId, frameCount: 1 })).toMatchObject({ name: 'DIGEST_MISMATCH' })
  expect([await files(), store.status().copyCount]).toEqual([[], 0])
})

test('a body of another length than the manager said is refused and leaves nothing', async () => {
  const { on, store } = await linked()
  const command = uploadOf(newCopyId(), { encoding: 'base64', sizeBytes: 4 })
  const body = Buffer.from(Buffer.from('five!').toString('base64'))
  expect(await on.refusal('upload-file', command, body)).toMatchObject({ name: 'DIGEST_MISMATCH' })
  expect([await files(), store.status().copyCount]).toEqual([[], 0])
})

test('a command that fails is logged with the id of its request, of which no more is kept than an id has', async () => {
  const { on, log } = await linked()
  await on.refusal('upload-file', uploadOf(newCopyId(), { encoding: 'base64', requestId: 'r-17' }), Buffer.from('A'))
  await on.refusal('upload-file', uploadOf(newCopyId(), { requestId: 'x'.repeat(5_000) }), Buffer.from('A'))
  expect(log.find('command refused')).toMatchObject([
    { requestId: 'r-17', command: 'upload-file', error: 'INVALID_REQUEST' },
    { requestId: 'x'.repeat(100), command: 'upload-file', error: 'INVALID_REQUEST' },
  ])
})

test('a frame or an end that fails is logged with the id of the request that opened its upload', async () => {
  const { on, log } = await linked()
  const mismatch = newCopyId()
  await on.call('open-upload', openingOf(mismatch, { requestId: 'r-18', sha256: digestOf(Buffer.from('expected')) }))
  await on.call('upload-frame', { copyId: mismatch, seq: 0 }, Buffer.from('others'))
  for (let time = 0; time < 2; time++) await on.refusal('upload-end', { copyId: mismatch, frameCount: 1 })
  const gap = newCopyId()
  await on.call('open-upload', openingOf(gap, { requestId: 'r-19' }))
  await on.refusal('upload-frame', { copyId: gap, seq: 1 }, Buffer.from('late'))
  const discarded = newCopyId()
  await on.call('open-upload', openingOf(discarded, { requestId: 'r-20' }))
  await on.call('delete-file', { copyId: discarded, slot: null, requestId: 'r-20' })
  await on.refusal('upload-frame', { copyId: discarded, seq: 0 }, Buffer.from('late'))
  await on.refusal('upload-end', { copyId: newCopyId(), frameCount: 1 })
  expect(log.find('command refused').map(({ requestId, command, error }) => [requestId, command, error])).toEqual([
    ['r-18', 'upload-end', 'DIGEST_MISMATCH'],
    ['r-18', 'upload-end', 'DIGEST_MISMATCH'],
    ['r-19', 'upload-frame', 'INVALID_REQUEST'],
    ['r-20', 'upload-frame', 'COPY_DISCARDED'],
    [undefined, 'upload-end', 'COPY_NOT_FOUND'],
  ])
})

test.each([
  ['a character outside the alphabet', 'AAA*'],
  ['padding before the end', 'AA==AAAA'],
  ['a length that is no multiple of 4', 'AAAAA'],
  ['bits after the last byte', 'AB=='],
])('base64 with %s is refused, inline and as a stream, and leaves nothing', async (_, text) => {
  const { on, uploads } = await linked()
  const base64 = { encoding: 'base64' }
  expect(await on.refusal('upload-file', uploadOf(newCopyId(), base64), Buffer.from(text))).toMatchObject({
    name: 'INVALID_REQUEST',
  })
  const copyId = newCopyId()
  await on.call('open-upload', openingOf(copyId, base64))
  await on.call('upload-frame', { copyId, seq: 0 }, Buffer.from('QUJD'.repeat(1_000)))
  const outcomes = await Promise.allSettled([
    on.call('upload-frame', { copyId, seq: 1 }, Buffer.from(text)),
    on.call('upload-end', { copyId, frameCount: 2 }),
  ])
  expect(outcomes.at(-1)).toMatchObject({ status: 'rejected', reason: { name: 'INVALID_REQUEST' } })
  await vi.waitFor(async () => expect([await files(), uploads.runningCount]).toEqual([[], 0]))
})

test('base64 is stored decoded, however its text is cut', async () => {
  const { on } = await linked()
  const bytes = randomBytes(10_000)
  const text = Buffer.from(bytes.toString('base64'))
  const copyId = newCopyId()
  await on.call('open-upload', openingOf(copyId, { encoding: 'base64' }))
  const cuts = [0, 1, 2, 3, 5_001, 5_002, text.length]
  for (const [seq, start] of cuts.slice(0, -1).entries())
    await on.call('upload-frame', { copyId, seq }, text.subarray(start, cuts[seq + 1]))
  const { copy } = await on.call('upload-end', { copyId, frameCount: cuts.length - 1 })
  expect(copy).toMatchObject({ sizeBytes: 10_000, sha256: digestOf(bytes) })
})

test('an empty file is a file, inline and as a stream', async () => {
  const { on } = await linked()
  const inline = await uploadInline(on, Buffer.alloc(0))
  const copyId = newCopyId()
  await on.call('open-upload', openingOf(copyId))
  const { copy } = await on.call('upload-end', { copyId, frameCount: 0 })
  expect([inline.sizeBytes, (copy as StoredCopy).sizeBytes]).toEqual([0, 0])
  expect(await files()).toHaveLength(2)
  const read = { ...named(inline), sizeBytes: 0, offset: 0, length: 0 }
  expect((await on.call('download-file', read)).bytes).toHaveLength(0)
})

test('the end of a stream with a part key is answered with a tag for each part', async () => {
  const { on } = await linked()
  const partKey = 'a1'.repeat(16) as PartKey
  const copyId = newCopyId()
  const bytes = randomBytes(FRAME)
  await on.call('open-upload', { ...openingOf(copyId), partKey })
  await on.call('upload-frame', { copyId, seq: 0 }, bytes)
  const ends = [1, 2].map(() => on.call('upload-end', { copyId, frameCount: 1 }))
  ends.push(Promise.all(ends).then(() => on.call('upload-end', { copyId, frameCount: 1 })))
  const tag = digestPart({ key: partKey, chunk: chunkNumberOf(copyId), index: 0 }, bytes)
  for (const end of await Promise.all(ends)) expect(tag.equals(end.bytes as Buffer)).toBe(true)
})

test('a disconnect in the middle of streams leaves no .part, frees their slots, and a new link starts afresh', async () => {
  const manager = await startManager()
  const { uploads, store } = await link([manager.url])
  const first = await manager.connection(1, manager.admitted)
  const copyIds = Array.from({ length: 5 }, newCopyId)
  for (const copyId of copyIds) {
    await first.call('open-upload', openingOf(copyId))
    await first.call('upload-frame', { copyId, seq: 0 }, randomBytes(1_000))
  }
  expect((await files()).every((path) => path.endsWith('.part'))).toBe(true)
  first.socket.disconnect(true)
  const second = await manager.connection(2, manager.admitted)
  await vi.waitFor(() => expect(uploads.runningCount).toBe(0))
  expect(await files()).toEqual([])
  for (const copyId of copyIds)
    expect(await second.refusal('upload-frame', { copyId, seq: 1 }, randomBytes(10))).toMatchObject({
      name: 'LINK_LOST',
    })
  const slots: number[] = []
  for (let count = 0; count < 5; count++) slots.push((await uploadInline(second, randomBytes(10))).slot)
  expect(Math.max(...slots)).toBeLessThan(10)
  expect(store.status().copyCount).toBe(5)
})
