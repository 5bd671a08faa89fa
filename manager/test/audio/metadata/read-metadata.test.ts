import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sniffContainer } from '../../../src/audio/container.ts'
import type { AudioMetadata } from '../../../src/audio/metadata/metadata.ts'
import { readCover, readMetadata } from '../../../src/audio/metadata/read-metadata.ts'
import { audioBytes, audioFiles, box, id3Tag, sourceOf } from '../audio-files.ts'

async function metadataOf(bytes: Buffer, heldBytes?: number): Promise<AudioMetadata> {
  const result = await readMetadata(sourceOf(bytes, heldBytes))
  if (result.kind !== 'audio') throw new Error(`${result.kind}: ${result.reason}`)
  return result.metadata
}
const kindOf = async (bytes: Buffer) => (await readMetadata(sourceOf(bytes))).kind

test.each(audioFiles)('tells container, codec, duration and rates of $file', async ({ file, ...facts }) => {
  const metadata = await metadataOf(audioBytes(file))
  expect(metadata).toMatchObject({ ...facts, duration: expect.closeTo(facts.duration, 2), channels: 1 })
  expect(metadata.isEstimated).toBe(false)
  expect(metadata.bitDepth).toBe(facts.lossless ? 16 : null)
  expect(metadata.bitRate).toBeGreaterThan(10_000)
})

test.each(audioFiles.filter(({ file }) => !['cbr.mp3', 'sine.aac', 'sine.webm', 'sine.wma'].includes(file)))(
  'reads the tags of $file',
  async ({ file }) => {
    const { tags } = await metadataOf(audioBytes(file))
    expect(tags).toEqual({
      title: 'Sine',
      artist: 'Tester',
      artists: ['Tester'],
      album: 'Tones',
      year: 2021,
      track: 3,
      trackCount: 9,
      genre: ['Test'],
    })
  },
)

test.each(audioFiles)('tells the same of $file where only its first bytes are held', async ({ file }) => {
  expect(await metadataOf(audioBytes(file), 100)).toEqual(await metadataOf(audioBytes(file)))
})

test.each(['cover.mp3', 'cover.flac', 'cover.m4a'])('finds the picture in %s', async (file) => {
  const { cover } = await metadataOf(audioBytes(file))
  expect(cover).toEqual({ contentType: 'image/png', size: 96 })
  const read = await readCover(sourceOf(audioBytes(file)))
  expect(Buffer.from(read?.bytes ?? []).toString('latin1', 1, 4)).toBe('PNG')
})

test('finds frames behind a tag that is longer than what is held, and behind two', async () => {
  const frames = audioBytes('cbr.mp3')
  for (const tags of [id3Tag(500_000), Buffer.concat([id3Tag(300_000), id3Tag(10)])]) {
    const metadata = await metadataOf(Buffer.concat([tags, frames]), 256 * 1024)
    expect(metadata).toMatchObject({ container: 'mp3', duration: expect.closeTo(1.584, 2) })
  }
})

test('estimates the duration of raw frames of changing length that are not all read', async () => {
  const frames = audioBytes('sine.aac')
  const long = Buffer.concat(Array.from({ length: 100 }, () => frames))
  const metadata = await metadataOf(long)
  expect(metadata.isEstimated).toBe(true)
  expect(metadata.duration).toBeGreaterThan(155)
  expect(metadata.duration).toBeLessThan(165)
})

test('a wave that is cut off is known by its header', async () => {
  const wave = audioBytes('sine.wav')
  expect((await metadataOf(wave)).flaw).toBeNull()
  expect((await metadataOf(wave.subarray(0, 12_000))).flaw).toBe('its header tells of 12162 more bytes')
})

test('RF64, whose sizes stand in a box of their own, is a wave', async () => {
  const wave = audioBytes('sine.wav')
  const sizes = Buffer.alloc(36)
  sizes.write('ds64', 'latin1')
  sizes.writeUInt32LE(28, 4)
  sizes.writeBigUInt64LE(BigInt(wave.length + sizes.length - 8), 8)
  sizes.writeBigUInt64LE(BigInt(wave.readUInt32LE(wave.indexOf('data') + 4)), 16)
  const body = Buffer.from(wave.subarray(12))
  body.writeUInt32LE(0xffff_ffff, body.indexOf('data') + 4)
  const long = Buffer.concat([Buffer.from('RF64\xff\xff\xff\xffWAVE', 'latin1'), sizes, body])
  const metadata = await metadataOf(long)
  expect(metadata).toMatchObject({ container: 'wav', codec: 'pcm', sampleRate: 8_000, lossless: true, flaw: null })
  expect(metadata.duration).toBeCloseTo(1.5, 1)
})

test.each([
  ['no bytes', Buffer.alloc(0)],
  ['zeros', Buffer.alloc(5_000)],
  ['a text', Buffer.from('All work and no play makes Jack a dull boy. '.repeat(99))],
  ['random bytes', randomBytes(100_000)],
  ['two frames', audioBytes('cbr.mp3').subarray(0, 300)],
  ['a zip with a stored MP3 in it', Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), audioBytes('cbr.mp3')])],
  ['a page with frames in it', Buffer.concat([Buffer.from('<html>'), audioBytes('cbr.mp3')])],
  ['a tag and then a zip', Buffer.concat([id3Tag(100), Buffer.from('PK\x03\x04', 'latin1'), audioBytes('cbr.mp3')])],
  ['a tag and nothing more', id3Tag(5_000)],
  ['nothing but tags', Buffer.concat(Array.from({ length: 20 }, () => id3Tag(10)))],
  ['a tag of 256 MiB in a small file', Buffer.concat([id3Tag(2 ** 28 - 1).subarray(0, 10), audioBytes('cbr.mp3')])],
  ['a picture in RIFF', Buffer.from('RIFF\x10\0\0\0WEBPVP8 ', 'latin1')],
])('%s is not audio, whatever its name', async (_what, bytes) => {
  expect(await kindOf(bytes)).toBe('not-audio')
})

test.each([
  ['an MP4 file without its movie', audioBytes('sine.m4a').subarray(0, 4_000)],
  ['a FLAC file that ends in its header', audioBytes('sine.flac').subarray(0, 20)],
  ['a wave that tells no format', Buffer.from('RIFF\x24\0\0\0WAVEjunk\0\0\0\0', 'latin1')],
  ['a first page of Vorbis', audioBytes('sine.ogg').subarray(0, 40)],
  ['endless atoms', Buffer.concat([box('ftyp', Buffer.from('M4A \0\0\0\0')), ...Array(60_000).fill(box('free'))])],
  ['atoms in atoms', nestedAtoms(5_000)],
  ['an atom of no bytes', Buffer.concat([box('ftyp', Buffer.from('M4A \0\0\0\0')), Buffer.from('\0\0\0\x04moov')])],
])('%s is audio that cannot be read', async (_what, bytes) => {
  expect(await kindOf(bytes)).toBe('broken')
})

test('a video is not audio', async () => {
  // The handler of the only track says what it is for.
  const video = Buffer.from(audioBytes('faststart.m4a').toString('latin1').replaceAll('soun', 'vide'), 'latin1')
  expect(await kindOf(video)).not.toBe('audio')
})

test('any damage is answered, within the budget, and nothing is thrown', async () => {
  const files = audioFiles.map(({ file }) => audioBytes(file))
  const damage = fc.record({
    file: fc.nat(files.length - 1),
    flips: fc.array(fc.record({ at: fc.double({ min: 0, max: 0.999, noNaN: true }), bit: fc.nat(7) }), {
      maxLength: 20,
    }),
    kept: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  await fc.assert(
    fc.asyncProperty(damage, async ({ file, flips, kept }) => {
      const bytes = Buffer.from(files[file] ?? Buffer.alloc(0))
      // Damage counts most where the structure is, at the beginning.
      for (const { at, bit } of flips) {
        const place = Math.floor(at ** 3 * bytes.length)
        bytes[place] = (bytes[place] ?? 0) ^ (1 << bit)
      }
      const { kind } = await readMetadata(sourceOf(bytes.subarray(0, Math.ceil(kept * bytes.length))))
      return ['audio', 'broken', 'not-audio'].includes(kind)
    }),
    { numRuns: 300 },
  )
})

test('random bytes are taken for audio by nobody', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => sniffContainer(Buffer.from(bytes)) === null))
})

function nestedAtoms(depth: number): Buffer {
  const types = ['moov', 'udta', 'meta', 'trak']
  const header = (length: number, type: string): Buffer => {
    const bytes = Buffer.alloc(8)
    bytes.writeUInt32BE(length)
    bytes.write(type, 4, 'latin1')
    return bytes
  }
  const headers = Array.from({ length: depth }, (_, level) =>
    header((depth - level) * 8, types[level % types.length] ?? 'moov'),
  )
  return Buffer.concat([box('ftyp', Buffer.from('M4A \0\0\0\0')), ...headers])
}
