import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { taggedMp3 } from '../../../../test/api/tagged-mp3.ts'
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

/** @returns raw frames of one bit rate, of which only a part is looked at, and how long they are */
function longFrames(): { readonly frames: Buffer; readonly seconds: number } {
  const one = audioBytes('cbr.mp3')
  const frames = Buffer.concat(Array.from({ length: 60 }, () => one))
  return { frames, seconds: 60 * 1.584 }
}

test.each([
  ['nothing', Buffer.alloc(0), false],
  ['an APE tag', apeTag(100_000), false],
  ['an APE tag and an ID3v1 tag', Buffer.concat([apeTag(50_000), id3v1()]), false],
  ['words of a song', lyrics(40_000), false],
  ['words of a song between the two', Buffer.concat([apeTag(9_000), lyrics(4_000), id3v1()]), false],
  ['zeros', Buffer.alloc(50_000), true],
])(
  'raw frames of one bit rate with %s behind them are as long as they are, or estimated',
  async (_what, behind, isEstimated) => {
    const { frames, seconds } = longFrames()
    const metadata = await metadataOf(Buffer.concat([frames, behind]))
    expect(metadata.isEstimated).toBe(isEstimated)
    if (!isEstimated) expect(metadata.duration).toBeCloseTo(seconds, 1)
  },
)

test('an audiobook with a picture for each chapter is audio, and a film is not', async () => {
  const book = audioBytes('faststart.m4a')
  expect((await metadataOf(withTrack(book, 'vide', 'jpeg'))).codec).toBe('aac')
  expect((await metadataOf(withTrack(book, 'text', 'text'))).codec).toBe('aac')
  expect(await kindOf(withTrack(book, 'vide', 'avc1'))).toBe('not-audio')
})

test('numbers that players cannot hold are left out', async () => {
  const tags = taggedMp3({ TRCK: '3000000000/12', TIT2: 'Far' })
  expect((await metadataOf(tags)).tags).toEqual({ title: 'Far', trackCount: 12 })
})

test('a wave that is cut off is known by its header', async () => {
  const wave = audioBytes('sine.wav')
  expect((await metadataOf(wave)).flaw).toBeNull()
  expect((await metadataOf(wave.subarray(0, 12_000))).flaw).toBe('its header tells of 12162 more bytes')
})

/** @returns a wave as a program writes it to a pipe, whose sizes tell nothing. Some programs write a count of samples too. */
function pipedWave(size: number, count: Buffer = Buffer.alloc(0)): Buffer {
  const wave = audioBytes('sine.wav')
  const data = wave.indexOf('data')
  const piped = Buffer.concat([wave.subarray(0, data), count, wave.subarray(data)])
  piped.writeUInt32LE(Math.min(2 ** 32 - 1, size + data + count.length), 4)
  piped.writeUInt32LE(size, data + count.length + 4)
  return piped
}
/** SoX makes it of the size. */
const countOfSox = Buffer.from('fact\x04\0\0\0\x00\xfc\xff\x1f', 'latin1')

test.each([
  ['ffmpeg', pipedWave(0xffff_ffff)],
  ['SoX', pipedWave(0x7fff_f000)],
  ['SoX (with a count of samples)', pipedWave(0x7fff_f000, countOfSox)],
  ['arecord', pipedWave(0x8000_0000)],
])('a wave that %s wrote to a pipe is not cut off, and as long as what is there', async (_by, wave) => {
  const metadata = await metadataOf(wave)
  expect(metadata).toMatchObject({ flaw: null, isEstimated: true, bitRate: 128_000 })
  expect(metadata.duration).toBeCloseTo(1.5, 3)
})

test.each([
  ['sine.ogg', 16_000],
  ['sine.opus', 48_000],
])('%s that was cut out of a longer stream is estimated by what is there', async (file, rate) => {
  const whole = audioBytes(file)
  const cut = (seconds: number) => withGranules(whole, (granules) => granules + BigInt(seconds * rate))
  expect(await metadataOf(cut(0))).toEqual(await metadataOf(whole))
  for (const seconds of [40, 36_000]) {
    const metadata = await metadataOf(cut(seconds))
    expect(metadata.isEstimated).toBe(true)
    expect(metadata.duration).toBeGreaterThanOrEqual(0)
    expect(metadata.duration).toBeLessThan(1.6)
  }
  expect(await metadataOf(cut(20))).toMatchObject({ isEstimated: false, duration: expect.closeTo(21.5, 1) })
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

/** @returns an Ogg file whose pages of audio count other samples. Their checksums are wrong then, which metadata does not need. */
function withGranules(file: Buffer, change: (granules: bigint) => bigint): Buffer {
  const bytes = Buffer.from(file)
  for (let at = bytes.indexOf('OggS'); at >= 0; at = bytes.indexOf('OggS', at + 4)) {
    const granules = bytes.readBigInt64LE(at + 6)
    if (granules > 0n) bytes.writeBigInt64LE(change(granules), at + 6)
  }
  return bytes
}

function id3v1(): Buffer {
  return Buffer.concat([Buffer.from('TAG'), Buffer.alloc(125)])
}

/** @returns an APEv2 tag with a header and a footer */
function apeTag(length: number): Buffer {
  const end = (flags: number): Buffer => {
    const bytes = Buffer.alloc(32)
    bytes.write('APETAGEX', 'latin1')
    bytes.writeUInt32LE(2_000, 8)
    bytes.writeUInt32LE(length + 32, 12)
    bytes.writeUInt32LE(flags, 20)
    return bytes
  }
  return Buffer.concat([end(0xa000_0000), Buffer.alloc(length), end(0x8000_0000)])
}

/** @returns a Lyrics3v2 tag */
function lyrics(length: number): Buffer {
  const body = Buffer.concat([Buffer.from('LYRICSBEGIN'), Buffer.alloc(length, 'la ')])
  return Buffer.concat([body, Buffer.from(`${String(body.length).padStart(6, '0')}LYRICS200`)])
}

/** @returns an MP4 file, whose movie's box comes last, with another track in it. Nobody reads the samples. */
function withTrack(file: Buffer, handler: string, codec: string): Buffer {
  const word = (value: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return bytes
  }
  const description = box(codec, Buffer.alloc(78))
  const stsd = box('stsd', Buffer.concat([word(0), word(1), description]))
  const hdlr = box('hdlr', Buffer.concat([Buffer.alloc(8), Buffer.from(handler), Buffer.alloc(20)]))
  const tkhd = box('tkhd', Buffer.concat([word(0), word(0), word(0), word(2), Buffer.alloc(68)]))
  const track = box('trak', Buffer.concat([tkhd, box('mdia', Buffer.concat([hdlr, box('minf', box('stbl', stsd))]))]))
  const start = file.indexOf('moov') - 4
  const length = file.readUInt32BE(start)
  const movie = box('moov', Buffer.concat([file.subarray(start + 8, start + length), track]))
  return Buffer.concat([file.subarray(0, start), movie, file.subarray(start + length)])
}

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
