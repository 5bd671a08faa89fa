import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { decodeAudio } from '../../src/audio/decode-audio.ts'
import { judgeAudio } from '../../src/audio/judge-audio.ts'
import { hasFfmpeg } from '../../src/audio/run-ffmpeg.ts'
import { audioBytes, audioFiles } from './audio-files.ts'

const served = new Map<string, Buffer>()
let server: Server
let isThere = false
beforeAll(async () => {
  isThere = await hasFfmpeg()
  if (!isThere) console.warn('no ffmpeg for the tests: nothing is decoded')
  server = createServer(({ url = '', headers }, response) => {
    const bytes = served.get(url)
    if (bytes === undefined || headers['if-match'] !== '"etag"') return void response.writeHead(503).end()
    const start = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0)
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': bytes.length - start,
      'accept-ranges': 'bytes',
      ...(start > 0 && { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    })
    response.end(bytes.subarray(start))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
})
afterAll(() => server.close())

const { signal } = new AbortController()
type File = (typeof audioFiles)[number]
const decode = (path: string, { container, sampleRate }: Pick<File, 'container' | 'sampleRate'>, by = signal) => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
  return decodeAudio({ url, etag: '"etag"', container, sampleRate }, by)
}

test('where there is no ffmpeg, that is all that is said', async () => {
  vi.stubEnv('PATH', '/nowhere')
  try {
    expect(await hasFfmpeg()).toBe(false)
  } finally {
    vi.unstubAllEnvs()
  }
})

/** Of these half a file says that it is half as long, for nothing tells how long the whole was. */
const untold = ['sine.aac', 'sine.opus', 'sine.ogg', 'cbr.mp3', 'sine.m4a', 'faststart.m4a', 'sine.wav']

test.each(audioFiles)('$file is whole, and half of it is not', async (file) => {
  if (!isThere) return
  const bytes = audioBytes(file.file)
  served.set('/whole', bytes)
  const whole = await decode('/whole', file)
  const told = { duration: file.duration, isEstimated: false, flaw: null }
  expect(judgeAudio(told, whole)).toEqual({ verdict: 'ok', reason: null })
  expect(Math.max(...whole.peaks.data)).toBeGreaterThan(5)
  expect(whole.peaks.sampleRate).toBe(file.sampleRate)
  if (untold.includes(file.file)) return
  served.set('/half', bytes.subarray(0, bytes.length / 2))
  expect(judgeAudio(told, await decode('/half', file)).verdict).toBe('damaged')
})

test('a FLAC file with a flipped bit is damaged', async () => {
  if (!isThere) return
  const bytes = Buffer.from(audioBytes('sine.flac'))
  bytes[10_000] = (bytes[10_000] ?? 0) ^ 4
  served.set('/flipped', bytes)
  const decoded = await decode('/flipped', { container: 'flac', sampleRate: 8_000 })
  expect(judgeAudio({ duration: 1.5, isEstimated: false, flaw: null }, decoded).verdict).toBe('damaged')
})

test('a playlist that is called an MP3 file opens nothing', async () => {
  if (!isThere) return
  served.set('/inside', audioBytes('sine.mp3'))
  served.set('/playlist', Buffer.from(`#EXTM3U\n#EXTINF:2,\n/inside\n#EXT-X-ENDLIST\n`))
  expect((await decode('/playlist', { container: 'mp3', sampleRate: 16_000 })).seconds).toBe(0)
})

test('bytes that cannot be had are no verdict', async () => {
  if (!isThere) return
  await expect(decode('/nowhere', { container: 'mp3', sampleRate: 16_000 })).rejects.toThrow(/could not be read/)
})

test('a decoder that is called off is ended', async () => {
  if (!isThere) return
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await new Promise((resolve) => silent.once('listening', resolve))
  const stop = new AbortController()
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`
  const decoding = decodeAudio({ url, etag: '"etag"', container: 'mp3', sampleRate: 8_000 }, stop.signal)
  stop.abort()
  await expect(decoding).rejects.toThrow(/abort/)
  silent.close()
  silent.closeAllConnections()
})
