import { StoreError } from '@holdfast/shared/errors/store-error'
import { afterEach, expect, test } from 'vitest'
import { testInFull } from '../../../../test/full-run.ts'
import { MetadataReader, type MetadataReaderOptions } from '../../../src/audio/metadata/metadata-reader.ts'
import { audioBytes, box, id3Tag } from '../audio-files.ts'

const opened: MetadataReader[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((reader) => reader.close()))
})

function open(options: MetadataReaderOptions = {}): MetadataReader {
  const script = new URL('../thread-of-sources.mjs', import.meta.url)
  const reader = new MetadataReader({ stepMs: 20_000, script, ...options })
  opened.push(reader)
  return reader
}
const { signal } = new AbortController()
const fileOf = (bytes: Buffer, heldBytes = bytes.length) => ({
  size: bytes.length,
  head: bytes.subarray(0, heldBytes),
  read: async (start: number, end: number) => bytes.subarray(start, end),
})

test('reads one file after the other in the same thread, many at once, held or not', async () => {
  const reader = open()
  const results = await Promise.all(
    Array.from({ length: 30 }, (_, index) =>
      reader.readMetadata(fileOf(audioBytes(index % 2 === 0 ? 'sine.flac' : 'cover.mp3'), index * 100), signal),
    ),
  )
  expect(results.map((result) => result.kind === 'audio' && result.metadata.codec)).toEqual(
    results.map((_, index) => (index % 2 === 0 ? 'flac' : 'mp3')),
  )
  const cover = await reader.readCover(fileOf(audioBytes('cover.flac')), signal)
  expect(cover).toMatchObject({ contentType: 'image/png', bytes: { length: 96 } })
})

/** It asks for a few bytes, and answers with the sizes of the buffers that it got. */
const measuringThread = `
  import { parentPort } from 'node:worker_threads'
  let head
  parentPort.on('message', (message) => {
    if (message.kind === 'work') {
      head = message.head.buffer.byteLength
      parentPort.postMessage({ kind: 'fetch', id: 0, start: 0, end: 1_000 })
    } else {
      const contentType = [head, message.bytes.buffer.byteLength].join()
      parentPort.postMessage({ kind: 'cover', cover: { contentType, bytes: message.bytes } })
    }
  })`

test('the thread gets the bytes it asked for, and not the buffer they are a part of, which keeps them', async () => {
  const script = new URL(`data:text/javascript,${encodeURIComponent(measuringThread)}`)
  const pool = Buffer.alloc(4 * 1024 ** 2, 7)
  const read = async (start: number, end: number) => pool.subarray(start, end)
  const cover = await open({ script }).readCover({ size: pool.length, head: pool.subarray(0, 100), read }, signal)
  expect(cover?.contentType).toBe('100,1000')
  expect(Buffer.from(cover?.bytes ?? [])).toEqual(Buffer.alloc(1_000, 7))
  expect(pool.equals(Buffer.alloc(4 * 1024 ** 2, 7))).toBe(true)
})

test('a file that takes too long costs its thread, and the next one gets another', async () => {
  const reader = open({ stepMs: 1 })
  const endless = Buffer.concat([box('ftyp', Buffer.from('M4A \0\0\0\0')), ...Array(49_000).fill(box('free'))])
  expect(await reader.readMetadata(fileOf(endless), signal)).toMatchObject({ kind: 'broken' })
  const patient = open()
  expect(await patient.readMetadata(fileOf(audioBytes('sine.wav')), signal)).toMatchObject({ kind: 'audio' })
})

test('bytes that come too slowly are no fault of the file, and others have their turn', async () => {
  const reader = open({ fetchMs: 300 })
  const tagged = Buffer.concat([id3Tag(300_000), audioBytes('cbr.mp3')])
  const stuck = { ...fileOf(tagged, 1_000), read: () => new Promise<Buffer>(() => undefined) }
  const [first, second] = await Promise.allSettled([
    reader.readMetadata(stuck, signal),
    reader.readMetadata(fileOf(audioBytes('sine.wav')), signal),
  ])
  expect(first).toMatchObject({ status: 'rejected', reason: { name: 'OVERLOADED' } })
  expect(second).toMatchObject({ status: 'fulfilled', value: { kind: 'audio' } })
})

testInFull('the time in which bytes are waited for is not that of the file', async () => {
  const [fileMs, delayMs] = [3_000, 800]
  const reader = open({ fileMs })
  // With this the thread is there, and has little to do.
  await reader.readMetadata(fileOf(audioBytes('sine.wav')), signal)
  const tagged = Buffer.concat([id3Tag(300_000), audioBytes('cbr.mp3')])
  let waitedMs = 0
  const read = async (start: number, end: number) => {
    await new Promise((resolve) => setTimeout(resolve, delayMs))
    waitedMs += delayMs
    return tagged.subarray(start, end)
  }
  const result = await reader.readMetadata({ ...fileOf(tagged, 1_000), read }, signal)
  expect(result).toMatchObject({ kind: 'audio' })
  expect(waitedMs).toBeGreaterThan(fileMs)
})

test('bytes that cannot be read are an error of their own, not one of the file', async () => {
  const reader = open()
  const away = {
    ...fileOf(Buffer.concat([id3Tag(300_000), audioBytes('cbr.mp3')]), 1_000),
    read: () => Promise.reject(new StoreError('FILE_UNAVAILABLE')),
  }
  await expect(reader.readMetadata(away, signal)).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE' })
  expect(await reader.readMetadata(fileOf(audioBytes('sine.ogg')), signal)).toMatchObject({ kind: 'audio' })
})

test('a file whose turn does not come in time is refused', async () => {
  const reader = open({ turnMs: 0 })
  await expect(reader.readMetadata(fileOf(audioBytes('sine.ogg')), signal)).rejects.toMatchObject({
    name: 'OVERLOADED',
  })
})
