import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { isFullRun } from '../../../../test/full-run.ts'
import {
  CannotDecode,
  type Decoded,
  type Decoder,
  DecoderEnded,
  decodeAudio,
  ffmpegDecoder,
  wasmDecoder,
} from '../../../src/audio/decoding/decode-audio.ts'
import { judgeAudio } from '../../../src/audio/decoding/judge-audio.ts'
import { hasFfmpeg, startChild } from '../../../src/audio/decoding/run-ffmpeg.ts'
import { readMetadata } from '../../../src/audio/metadata/read-metadata.ts'
import { audioBytes, audioFiles, sourceOf } from '../audio-files.ts'
import { flacBomb } from './flac-bomb.ts'

const served = new Map<string, Buffer>()
let server: Server
let hasIt = false
beforeAll(async () => {
  hasIt = await hasFfmpeg()
  if (!hasIt) console.warn('no ffmpeg for the tests: it decodes nothing here')
  server = createServer(({ url = '', headers }, response) => {
    const bytes = served.get(url)
    if (bytes === undefined || headers['if-match'] !== '"etag"') return void response.writeHead(503).end()
    const [, first, last] = /^bytes=(\d+)-(\d*)/.exec(headers.range ?? '') ?? []
    const start = Number(first ?? 0)
    const end = last ? Math.min(Number(last) + 1, bytes.length) : bytes.length
    if (start > 0 && start >= bytes.length) return void response.writeHead(416).end()
    response.writeHead(first === undefined ? 200 : 206, {
      'content-length': end - start,
      'accept-ranges': 'bytes',
      ...(first !== undefined && { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` }),
    })
    response.end(bytes.subarray(start, end))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
})
afterAll(() => server.close())

const { signal } = new AbortController()
type File = (typeof audioFiles)[number]
type Wish = Pick<File, 'container' | 'codec' | 'sampleRate'>
const originOf = (of: Server) => `http://127.0.0.1:${(of.address() as AddressInfo).port}`
const decodeBy = (decoder: Decoder, path: string, { container, codec, sampleRate }: Wish, by = signal, of = server) =>
  decodeAudio(decoder, { url: `${originOf(of)}${path}`, etag: '"etag"', container, codec, sampleRate }, by)
const mp3 = { container: 'mp3', codec: 'mp3', sampleRate: 16_000 } as const
const flac = { container: 'flac', codec: 'flac', sampleRate: 8_000 } as const

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

/** A process of its own runs what was built. */
const built = new URL('../../../bundle/wasm-decoder.js', import.meta.url)
const decoders = [
  { by: 'ffmpeg', decoder: ffmpegDecoder, isHere: () => hasIt },
  { by: 'wasm', decoder: wasmDecoder(built), isHere: () => true },
]

/** `npm test` decodes one of each codec. */
const decoded = isFullRun ? audioFiles : audioFiles.filter(isFirstOfCodec)
function isFirstOfCodec({ codec }: File, index: number): boolean {
  return audioFiles.findIndex((file) => file.codec === codec) === index
}

describe.each(decoders)('decoded by $by', ({ decoder, isHere }) => {
  const decode = (path: string, wish: Wish) => decodeBy(decoder, path, wish)

  test.each(decoded)('$file is whole, and half of it is not', async (file) => {
    if (!isHere()) return
    const bytes = audioBytes(file.file)
    served.set('/whole', bytes)
    const whole = await decode('/whole', file)
    const told = { duration: file.duration, isEstimated: false, sampleRate: file.sampleRate, flaw: null }
    expect(judgeAudio(told, whole)).toEqual({ verdict: 'ok', reason: null })
    expect(Math.max(...whole.peaks.data)).toBeGreaterThan(5)
    expect(whole.peaks.sampleRate).toBe(file.sampleRate)
    if (untold.includes(file.file) || (!isFullRun && file.container !== 'flac')) return
    served.set('/half', bytes.subarray(0, bytes.length / 2))
    expect(judgeAudio(told, await decode('/half', file)).verdict).toBe('damaged')
  })

  test('a FLAC file with a flipped bit is damaged', async () => {
    if (!isHere()) return
    const bytes = Buffer.from(audioBytes('sine.flac'))
    bytes[10_000] = (bytes[10_000] ?? 0) ^ 4
    served.set('/flipped', bytes)
    const decoded = await decode('/flipped', flac)
    expect(judgeAudio({ duration: 1.5, isEstimated: false, sampleRate: 8_000, flaw: null }, decoded).verdict).toBe(
      'damaged',
    )
  })

  test('a wave that SoX wrote to a pipe is whole', async () => {
    if (!isHere()) return
    const bytes = Buffer.from(audioBytes('sine.wav'))
    const data = bytes.indexOf('data')
    bytes.writeUInt32LE(0x7fff_f000 + data, 4)
    bytes.writeUInt32LE(0x7fff_f000, data + 4)
    served.set('/piped', bytes)
    const decoded = await decode('/piped', { container: 'wav', codec: 'pcm', sampleRate: 8_000 })
    const result = await readMetadata(sourceOf(bytes))
    if (result.kind !== 'audio') throw new Error(result.reason)
    expect(judgeAudio(result.metadata, decoded)).toEqual({ verdict: 'ok', reason: null })
    expect(decoded.seconds).toBeCloseTo(1.5, 2)
  })

  test('a playlist that is called an MP3 file opens nothing', async () => {
    if (!isHere()) return
    served.set('/inside', audioBytes('sine.mp3'))
    served.set('/playlist', Buffer.from(`#EXTM3U\n#EXTINF:2,\n/inside\n#EXT-X-ENDLIST\n`))
    const decoded = await decode('/playlist', mp3).catch((error: unknown) => error)
    expect(decoded instanceof CannotDecode ? 0 : (decoded as Decoded).seconds).toBe(0)
  })

  test('bytes that cannot be had are no verdict', async () => {
    if (!isHere()) return
    await expect(decode('/nowhere', mp3)).rejects.toThrow(/could not be read/)
  })

  test('a decoder that is called off is ended', async () => {
    if (!isHere()) return
    const silent = createServer(() => undefined).listen(0, '127.0.0.1')
    await new Promise((resolve) => silent.once('listening', resolve))
    const stop = new AbortController()
    const decoding = decodeBy(decoder, '/', mp3, stop.signal, silent)
    stop.abort()
    await expect(decoding).rejects.toThrow(/abort/)
    silent.close()
    silent.closeAllConnections()
  })
})

test.runIf(isFullRun && process.platform === 'linux')(
  'a small file of gigabytes of samples takes bounded memory',
  async () => {
    served.set('/bomb', flacBomb(3_000))
    let most = 0
    let watch: NodeJS.Timeout | undefined
    const decoder: Decoder = (wish) => {
      const child = wasmDecoder(built)(wish)
      const look = async () => {
        const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '')
        most = Math.max(most, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0))
      }
      watch = setInterval(look, 20)
      return child
    }
    const wish = { container: 'flac', codec: 'flac', sampleRate: 44_100 } as unknown as Wish
    const outcome = await decodeBy(decoder, '/bomb', wish).catch((error: unknown) => error)
    clearInterval(watch)
    expect(outcome instanceof CannotDecode || (outcome as Decoded).seconds > 4_000).toBe(true)
    expect(most).toBeGreaterThan(20_000)
    expect(most).toBeLessThan(600_000)
  },
)

test.each([
  ['cannot be run', 'exit 126', Error, 'the decoder cannot be started'],
  ['lacks a library', 'echo libx.so.1: cannot open shared object file >&2; exit 127', Error, 'cannot be started'],
  ['cannot load a library', 'echo failed to map segment: Cannot allocate memory >&2; exit 127', Error, 'be started'],
  ['gets no memory', 'echo Error while decoding: Cannot allocate memory >&2; exit 1', DecoderEnded, 'more memory'],
  ['gets none on another system', 'echo Out of memory >&2', DecoderEnded, 'more memory'],
  ['is ended', 'kill -9 $$', DecoderEnded, 'ended by SIGKILL'],
] as const)('a decoder that %s gives no verdict', async (_what, line, kind, message) => {
  const decoding = decodeBy(() => startChild('sh', ['-c', line], 10), '/', mp3)
  await expect(decoding).rejects.toThrow(message)
  expect(((await decoding.catch((error: unknown) => error)) as Error).constructor).toBe(kind)
})

test('a decoder that is not there gives no verdict', async () => {
  await expect(decodeBy(() => startChild('/no/such/program', [], 10), '/', mp3)).rejects.toThrow(/ENOENT/)
})

test.runIf(process.platform === 'linux')('what decodes is ended first where memory runs out', async () => {
  const child = startChild('sleep', ['60'], 10)
  try {
    await vi.waitFor(() => expect(readFileSync(`/proc/${child.pid}/oom_score_adj`, 'utf8').trim()).toBe('1000'))
  } finally {
    child.kill('SIGKILL')
  }
})

test.each([
  { container: 'ogg', codec: 'speex' },
  { container: 'matroska', codec: 'flac' },
  { container: 'wav', codec: 'mp3' },
])('$codec in $container, which only ffmpeg can decode, is told apart from what is damaged', async (file) => {
  served.set('/unknown', audioBytes('sine.ogg'))
  const wish = { ...file, sampleRate: 16_000 } as unknown as Wish
  await expect(decodeBy(wasmDecoder(built), '/unknown', wish)).rejects.toThrow(CannotDecode)
})
