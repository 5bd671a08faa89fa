import { expect, test } from 'vitest'
import { planStream, type StreamPlan } from '../../../src/audio/streaming/plan-stream.ts'

const flac = { container: 'flac', codec: 'flac', bitRate: 900_000, lossless: true }
const mp3 = { container: 'mp3', codec: 'mp3', bitRate: 192_000, lossless: false }
const vorbis = { container: 'ogg', codec: 'vorbis', bitRate: 192_000, lossless: false }
const wav = { container: 'wav', codec: 'pcm', bitRate: 1_411_200, lossless: true }
const unknown = { container: 'aac', codec: 'aac', bitRate: 0, lossless: false }
const original = null

test.each<[typeof flac, { format?: string; maxBitRate?: number; timeOffset?: number }, StreamPlan | null]>([
  [flac, {}, original],
  [flac, { format: 'raw', maxBitRate: 64, timeOffset: 5 }, original],
  [flac, { maxBitRate: 0 }, original],
  [flac, { maxBitRate: 1_000 }, original],
  [flac, { maxBitRate: 128 }, { format: 'mp3', bitRate: 128, timeOffset: 0 }],
  [flac, { format: 'mp3' }, { format: 'mp3', bitRate: 192, timeOffset: 0 }],
  [flac, { format: 'MP3', maxBitRate: 5_000 }, { format: 'mp3', bitRate: 320, timeOffset: 0 }],
  [flac, { format: 'ogg', maxBitRate: 1 }, { format: 'opus', bitRate: 32, timeOffset: 0 }],
  [flac, { format: 'flac' }, original],
  [flac, { format: 'flac', timeOffset: 9 }, { format: 'flac', bitRate: null, timeOffset: 9 }],
  [flac, { format: 'no such' }, original],
  [flac, { format: 'constructor' }, original],
  [mp3, { format: 'mp3', maxBitRate: 320 }, original],
  [mp3, { format: 'mp3', maxBitRate: 96 }, { format: 'mp3', bitRate: 96, timeOffset: 0 }],
  [mp3, { format: 'flac' }, { format: 'flac', bitRate: null, timeOffset: 0 }],
  [unknown, { maxBitRate: 96 }, original],
  [flac, { format: 'flac', maxBitRate: 1_000 }, original],
  [flac, { format: 'flac', maxBitRate: 128 }, { format: 'mp3', bitRate: 128, timeOffset: 0 }],
  [wav, { format: 'flac', maxBitRate: 1_000 }, { format: 'mp3', bitRate: 320, timeOffset: 0 }],
  [wav, { format: 'flac', maxBitRate: 1_500 }, { format: 'flac', bitRate: null, timeOffset: 0 }],
  [mp3, { format: 'flac', maxBitRate: 320 }, original],
  [vorbis, { format: 'flac', maxBitRate: 320 }, { format: 'mp3', bitRate: 320, timeOffset: 0 }],
  [vorbis, { format: 'OGG' }, original],
  [vorbis, { format: 'opus' }, { format: 'opus', bitRate: 192, timeOffset: 0 }],
  [vorbis, { format: 'ogg', maxBitRate: 96 }, { format: 'opus', bitRate: 96, timeOffset: 0 }],
])('%j, %j', (audio, { format, maxBitRate = 0, timeOffset = 0 }, plan) => {
  expect(planStream(audio, { format, maxBitRate, timeOffset })).toEqual(plan)
})
