import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createLogger } from '@holdfast/shared/node/logger'
import { expect, test } from 'vitest'
import { hasFfmpeg } from '../../../src/audio/decoding/run-ffmpeg.ts'
import type { StreamFormat } from '../../../src/audio/streaming/plan-stream.ts'
import { Transcoder } from '../../../src/audio/streaming/transcoder.ts'
import type { Track } from '../../../src/audio/track-list.ts'

const log = createLogger('test', 'silent')

test('a process that cannot be started keeps no place', async () => {
  const transcoder = new Transcoder({ ownUrl: () => 'http://127.0.0.1:9', log })
  // No argument of a process may have a NUL, and spawn throws.
  const track = { name: 'a', sha256: '\0', audio: { container: 'mp3' } } as unknown as Track
  const plan = { format: 'opus', bitRate: null, timeOffset: 0 } as const
  for (let count = 0; count < 6; count++) {
    const stream = transcoder.stream(track, plan, new AbortController().signal)
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  }
})

/** The loudspeakers are the bits of the mask (WAVE_FORMAT_EXTENSIBLE). */
function waveOf(channels: number, mask: number): Buffer {
  const samples = Buffer.alloc(48_000 * channels * 2)
  const header = Buffer.alloc(68)
  for (const [at, text] of [
    [0, 'RIFF'],
    [8, 'WAVEfmt '],
    [60, 'data'],
  ] as const)
    header.write(text, at)
  for (const [at, value] of [
    [4, 60 + samples.length],
    [16, 40],
    [24, 48_000],
    [28, 96_000 * channels],
    [40, mask],
    [64, samples.length],
  ] as const)
    header.writeUInt32LE(value, at)
  for (const [at, value] of [
    [20, 0xfffe],
    [22, channels],
    [32, 2 * channels],
    [34, 16],
    [36, 22],
    [38, 16],
  ] as const)
    header.writeUInt16LE(value, at)
  Buffer.from('0100000000001000800000aa00389b71', 'hex').copy(header, 44)
  return Buffer.concat([header, samples])
}

test.each<[string, number, number]>([
  ['2.1', 3, 0xb],
  ['5.1 with speakers at the sides', 6, 0x60f],
])('%s can be heard in every format', async (_, channels, mask) => {
  if (!(await hasFfmpeg())) return console.warn('no ffmpeg for the tests: it transcodes nothing here')
  const wave = waveOf(channels, mask)
  const server = createServer((_request, response) => void response.end(wave)).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const transcoder = new Transcoder({ ownUrl: () => `http://127.0.0.1:${port}`, log })
  const track = { name: 'a', sha256: '', audio: { container: 'wav' } } as unknown as Track
  try {
    for (const format of ['mp3', 'opus', 'aac', 'flac'] satisfies StreamFormat[]) {
      let size = 0
      const plan = { format, bitRate: format === 'flac' ? null : 32, timeOffset: 0 }
      for await (const bytes of transcoder.stream(track, plan, new AbortController().signal)) size += bytes.length
      expect(size, format).toBeGreaterThan(200)
    }
  } finally {
    server.close()
  }
})

test('a track whose bytes break off half-way does not end as if it were whole', async () => {
  if (!(await hasFfmpeg())) return console.warn('no ffmpeg for the tests: it transcodes nothing here')
  const wave = waveOf(2, 3)
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-length': wave.length })
    response.write(wave.subarray(0, wave.length / 2), () => response.destroy())
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const transcoder = new Transcoder({ ownUrl: () => `http://127.0.0.1:${port}`, log })
  const track = { name: 'a', sha256: '', audio: { container: 'wav' } } as unknown as Track
  const plan = { format: 'mp3', bitRate: null, timeOffset: 0 } as const
  const listen = async () => {
    for await (const _ of transcoder.stream(track, plan, new AbortController().signal));
  }
  try {
    await expect(listen()).rejects.toMatchObject({ name: 'FILE_UNAVAILABLE' })
  } finally {
    server.close()
  }
})
