import { countOf } from '../../../test/full-run.ts'
import { audioBytes, box } from './audio-files.ts'

const MIB = 1024 ** 2
/** More than anybody reads of a file one by one. */
const MANY = countOf(1_000_000, 60_000)

/** Files that are small, or of a size that anybody may send, and made to cost whoever reads them as much as can be. */
export const bombs: Readonly<Record<string, () => Buffer>> = {
  'a tag of many empty frames': () => withTag(Buffer.alloc(MANY * 11, textFrame('')), 'cbr.mp3'),
  'a tag of one text of many MiB': () => withTag(textFrame('x'.repeat(countOf(12, 2) * MIB)), 'cbr.mp3'),
  'a tag with a picture of 40 MiB': () => withTag(frame('APIC', Buffer.alloc(40 * MIB, 1)), 'cbr.mp3'),
  'a tag whose only frame tells of 4 GiB': () =>
    withTag(Buffer.from('TIT2\xff\xff\xff\xff\0\0\x03x', 'latin1'), 'cbr.mp3'),
  'a FLAC file of many metadata blocks': () => flacOf(Buffer.alloc(MANY * 4, Buffer.from([1, 0, 0, 0]))),
  'a FLAC file whose comments are four thousand million': () => flacOf(flacBlock(4, comments(0xffff_ffff))),
  'a FLAC file whose comment tells of 4 GiB': () => flacOf(flacBlock(4, comments(1, 0xffff_ffff))),
  'an Ogg file of many pages with nothing on them': () =>
    Buffer.concat([audioBytes('sine.ogg').subarray(0, 58), Buffer.alloc(MANY * 27, oggPage())]),
  'a wave of many chunks': () => riffOf(Buffer.alloc(MANY * 8, Buffer.from('junk\0\0\0\0', 'latin1'))),
  'a wave whose list tells of 4 GiB': () =>
    riffOf(Buffer.from('LIST\xff\xff\xff\xffINFOINAM\xff\xff\xff\x7f', 'latin1')),
  'an AIFF file of many chunks': () =>
    Buffer.concat([
      Buffer.from('FORM\x7f\xff\xff\xffAIFF', 'latin1'),
      Buffer.alloc(MANY * 8, Buffer.from('JUNK\0\0\0\0', 'latin1')),
    ]),
  'an MP4 file of many tags': () => mp4Of('ilst', Buffer.alloc(MANY * 8, box('free'))),
  'an MP4 file whose table of samples tells of 4 GiB': () =>
    mp4Of('stsz', Buffer.from('\0\0\0\0\0\0\0\0\xff\xff\xff\xff', 'latin1')),
  'a Matroska file of elements in elements': () => Buffer.concat([ebmlHeader(), ...nestedElements(20_000)]),
  'a Matroska file of many tags': () =>
    Buffer.concat([ebmlHeader(), element('18538067', element('1254c367', Buffer.alloc(MANY * 4, element('7373'))))]),
  'a WMA file of as many objects as there are numbers': () => asfOf(Buffer.alloc(MANY * 24, asfObject(24n))),
  'a WMA file whose object has no length': () => asfOf(asfObject(0n)),
}

function withTag(frames: Buffer, file: string): Buffer {
  const size = [21, 14, 7, 0].map((shift) => (frames.length >> shift) & 0x7f)
  return Buffer.concat([Buffer.from('ID3\x03\x00\x00', 'latin1'), Buffer.from(size), frames, audioBytes(file)])
}

function frame(id: string, body: Buffer): Buffer {
  const header = Buffer.alloc(10)
  header.write(id, 'latin1')
  header.writeUInt32BE(body.length, 4)
  return Buffer.concat([header, body])
}

function textFrame(text: string): Buffer {
  return frame('TIT2', Buffer.from(`\0${text}`, 'latin1'))
}

/** @param blocks come between the first block, which describes the stream, and the samples */
function flacOf(blocks: Buffer): Buffer {
  const file = audioBytes('sine.flac')
  const start = Buffer.from(file.subarray(0, 42))
  start[4] = 0
  return Buffer.concat([start, blocks, file.subarray(42)])
}

function flacBlock(type: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, body.length >> 16, (body.length >> 8) & 255, body.length & 255]), body])
}

function comments(count: number, length = 4): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32LE(count, 4)
  bytes.writeUInt32LE(length, 8)
  bytes.write('a=bc', 12, 'latin1')
  return bytes
}

/** @returns a page of another stream, which has no segments */
function oggPage(): Buffer {
  const page = Buffer.alloc(27)
  page.write('OggS', 'latin1')
  page.writeUInt32LE(77, 14)
  return page
}

function riffOf(chunks: Buffer): Buffer {
  return Buffer.concat([Buffer.from('RIFF\xff\xff\xff\xffWAVE', 'latin1'), chunks, audioBytes('sine.wav').subarray(12)])
}

function mp4Of(type: string, body: Buffer): Buffer {
  const media = box('trak', box('mdia', box('minf', box('stbl', box(type, body)))))
  const tags = box('udta', box('meta', Buffer.concat([Buffer.alloc(4), box(type, body)])))
  return Buffer.concat([box('ftyp', Buffer.from('M4A \0\0\0\0')), box('moov', type === 'ilst' ? tags : media)])
}

/** @param id in hexadecimal. The length takes eight bytes. */
function element(id: string, body: Buffer = Buffer.alloc(0)): Buffer {
  if (body.length === 0) return Buffer.from(`${id}4000`, 'hex')
  const length = Buffer.alloc(8)
  length.writeBigUInt64BE((1n << 56n) | BigInt(body.length))
  return Buffer.concat([Buffer.from(id, 'hex'), length, body])
}

function ebmlHeader(): Buffer {
  return element('1a45dfa3', element('4282', Buffer.from('matroska')))
}

/** The length of each is not known. */
function nestedElements(depth: number): Buffer[] {
  return Array.from({ length: depth }, (_, level) => Buffer.from(level % 2 === 0 ? '18538067ff' : '1254c367ff', 'hex'))
}

function asfObject(size: bigint): Buffer {
  const bytes = Buffer.alloc(24)
  bytes.write('0'.repeat(16), 'latin1')
  bytes.writeBigUInt64LE(size, 16)
  return bytes
}

function asfOf(objects: Buffer): Buffer {
  const header = Buffer.alloc(30)
  Buffer.from('3026b2758e66cf11a6d900aa0062ce6c', 'hex').copy(header)
  header.writeBigUInt64LE(BigInt(30 + objects.length), 16)
  header.writeUInt32LE(0xffff_ffff, 24)
  return Buffer.concat([header, objects])
}
