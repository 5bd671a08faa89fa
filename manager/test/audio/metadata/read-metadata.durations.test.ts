import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canMakeAudio, makeAudio, probeDuration, probePackets } from '../../../../test/audio/make-audio.ts'
import { isFullRun } from '../../../../test/full-run.ts'
import { readMetadata } from '../../../src/audio/metadata/read-metadata.ts'
import { sourceOf } from '../audio-files.ts'

const WITHIN_S = 0.03
/** An upload holds so many of a file's first bytes. */
const HELD_BYTES = 256 * 1024

/** These tell how long they are, or are of frames that are all as long. */
const told = {
  'wave.wav': '-c:a pcm_s16le',
  'float.wav': '-c:a pcm_f32le',
  'eight-bits.wav': '-c:a pcm_u8 -ar 8000',
  'rf64.wav': '-c:a pcm_s24le -rf64 always',
  'adpcm.wav': '-c:a adpcm_ms',
  'mp3-in.wav': '-c:a libmp3lame -b:a 128k',
  'constant.mp3': '-b:a 128k',
  'constant-without-xing.mp3': '-b:a 128k -write_xing 0',
  'constant-with-id3v1.mp3': '-b:a 128k -write_xing 0 -write_id3v1 1 -metadata title=x',
  'slow-without-xing.mp3': '-b:a 16k -ar 8000 -ac 1 -write_xing 0',
  'variable.mp3': '-q:a 4',
  'variable-22050.mp3': '-q:a 4 -ar 22050',
  'average.mp3': '-abr 1 -b:a 160k',
  'layer-2.mp2': '-c:a mp2 -b:a 192k',
  'a.flac': '-c:a flac',
  'high.flac': '-c:a flac -ar 96000 -sample_fmt s32',
  'flac.oga': '-c:a flac',
  'vorbis.ogg': '-c:a libvorbis -q:a 4',
  'a.opus': '-c:a libopus',
  'speex.spx': '-c:a libspeex -ar 16000 -ac 1',
  'aac.m4a': '-c:a aac',
  'fast-start.m4a': '-c:a aac -movflags +faststart',
  'fragments.m4a': '-c:a aac -movflags frag_keyframe+empty_moov',
  'alac.m4a': '-c:a alac',
  'opus.m4a': '-c:a libopus -f mp4',
  'flac.m4a': '-c:a flac -strict -2 -f mp4',
  'big-endian.aiff': '-c:a pcm_s24be',
  'little-endian.aifc': '-c:a pcm_s16le -f aiff',
  'a.wma': '-c:a wmav2',
  'opus.webm': '-c:a libopus',
  'vorbis.webm': '-c:a libvorbis',
  'flac.mka': '-c:a flac',
  'mp3.mka': '-c:a libmp3lame',
} as const

/** Nothing tells how long these are, and ffprobe itself estimates. What is counted is their frames. */
const untold = {
  'raw.aac': '-c:a aac',
  'raw-48000.aac': '-c:a aac -ar 48000 -b:a 192k',
  'variable-without-xing.mp3': '-q:a 4 -write_xing 0',
} as const

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-durations-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function make(name: string, as: string, seconds: number) {
  const file = join(directory, name)
  await makeAudio(file, { seconds, as })
  const result = await readMetadata(sourceOf(readFileSync(file), HELD_BYTES))
  if (result.kind !== 'audio') throw new Error(`${result.kind}: ${result.reason}`)
  const { duration, isEstimated } = result.metadata
  return { file, isEstimated, duration: duration ?? Number.NaN }
}

describe.runIf(canMakeAudio && isFullRun)('within 30 ms', () => {
  test.each(Object.entries(told))('the duration of %s is what ffprobe says', async (name, as) => {
    for (const seconds of [7.3, 313.7]) {
      const { file, duration, isEstimated } = await make(name, as, seconds)
      expect(isEstimated).toBe(false)
      expect(Math.abs(duration - (await probeDuration(file)))).toBeLessThanOrEqual(WITHIN_S)
    }
  })

  test.each(Object.entries(untold))('the duration of %s is that of its frames', async (name, as) => {
    const { file, duration, isEstimated } = await make(name, as, 7.3)
    expect(isEstimated).toBe(false)
    expect(Math.abs(duration - (await probePackets(file)))).toBeLessThanOrEqual(WITHIN_S)
  })
})

test.runIf(canMakeAudio && isFullRun).each(Object.entries(untold))(
  'a long %s is estimated, and says so',
  async (name, as) => {
    const { file, duration, isEstimated } = await make(name, as, 60)
    expect(isEstimated).toBe(true)
    const frames = await probePackets(file)
    expect(Math.abs(duration - frames) / frames).toBeLessThan(0.02)
  },
)
