import { randomBytes } from 'node:crypto'
import { UPLOAD_IDLE_TIMEOUT_MS } from '@holdfast/shared/wire/protocol'
import { afterEach, expect, test, vi } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import { UploadStream } from '../../src/link/upload-stream.ts'
import { useDataDirectory } from '../store/store-fixture.ts'
import { openingOf, uploadOf, useFileServer } from './link-fixture.ts'

const { linked, files } = useFileServer()
const data = useDataDirectory()

afterEach(() => {
  vi.useRealTimers()
})

test('a gap in the frames ends the upload, and nothing of it stays', async () => {
  const { on, uploads } = await linked()
  const copyId = newCopyId()
  await on.call('open-upload', openingOf(copyId))
  await on.call('upload-frame', { copyId, seq: 0 }, randomBytes(100))
  expect(await on.refusal('upload-frame', { copyId, seq: 2 }, randomBytes(100))).toEqual({
    name: 'INVALID_REQUEST',
    detail: 'frame 1 is missing',
  })
  for (const seq of [1, 2])
    expect(await on.refusal('upload-frame', { copyId, seq }, randomBytes(100))).toMatchObject({
      name: 'INVALID_REQUEST',
    })
  expect(await on.refusal('upload-end', { copyId, frameCount: 3 })).toMatchObject({ name: 'INVALID_REQUEST' })
  expect([await files(), uploads.runningCount]).toEqual([[], 0])
})

test.each([0, 1, 3, Number.MAX_SAFE_INTEGER])(
  'an end that counts %i of 2 frames ends the upload',
  async (frameCount) => {
    const { on } = await linked()
    const copyId = newCopyId()
    await on.call('open-upload', openingOf(copyId))
    for (const seq of [0, 1]) await on.call('upload-frame', { copyId, seq }, randomBytes(100))
    expect(await on.refusal('upload-end', { copyId, frameCount })).toEqual({
      name: 'INVALID_REQUEST',
      detail: `${frameCount} frames were sent, 2 came`,
    })
    expect(await files()).toEqual([])
  },
)

test('a new frame after the end is refused and changes nothing', async () => {
  const { on } = await linked()
  const copyId = newCopyId()
  await on.call('open-upload', openingOf(copyId))
  await on.call('upload-frame', { copyId, seq: 0 }, Buffer.from('whole'))
  const [end, late] = await Promise.allSettled([
    on.call('upload-end', { copyId, frameCount: 1 }),
    on.call('upload-frame', { copyId, seq: 1 }, Buffer.from('late')),
  ])
  expect(end).toMatchObject({ status: 'fulfilled', value: { copy: { sizeBytes: 5 } } })
  expect(late).toMatchObject({ status: 'rejected', reason: { name: 'INVALID_REQUEST' } })
})

test('an upload from which nothing comes is given up', async () => {
  const store = await data.open()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const outcomes: unknown[] = []
  const command = uploadOf(newCopyId()) as never
  const stream = new UploadStream(store, command, {}, (outcome) => outcomes.push(outcome))
  await stream.opened()
  vi.advanceTimersByTime(UPLOAD_IDLE_TIMEOUT_MS - 1)
  await stream.frame(0, randomBytes(10))
  vi.advanceTimersByTime(UPLOAD_IDLE_TIMEOUT_MS - 1)
  expect(outcomes).toEqual([])
  vi.advanceTimersByTime(1)
  await stream.settled()
  expect(outcomes).toMatchObject([{ name: 'DEADLINE_EXCEEDED' }])
  await expect(stream.frame(1, randomBytes(10))).rejects.toMatchObject({ name: 'DEADLINE_EXCEEDED' })
  await expect(stream.end(2)).rejects.toMatchObject({ name: 'DEADLINE_EXCEEDED' })
})

test('an upload that finds no room fails at its opening, and so does all that comes for it', async () => {
  const store = await data.open({ minFreeBytes: Number.MAX_SAFE_INTEGER })
  const outcomes: unknown[] = []
  const stream = new UploadStream(store, uploadOf(newCopyId()) as never, {}, (outcome) => outcomes.push(outcome))
  await expect(stream.opened()).rejects.toMatchObject({ name: 'DISK_FULL' })
  await expect(stream.frame(0, randomBytes(10))).rejects.toMatchObject({ name: 'DISK_FULL' })
  await expect(stream.end(1)).rejects.toMatchObject({ name: 'DISK_FULL' })
  expect(outcomes).toMatchObject([{ name: 'DISK_FULL' }])
})
