import type { Sample } from './samples.ts'

/** So low a rate that minutes are quick to send; browsers play nothing lower. */
const RATE = 3_000
/** The samples of a block are equally loud. */
const BLOCK = 100
const MAX_PEAKS = 2_048

export interface TestTrack {
  readonly title: string
  readonly artist: string
  readonly album: string
  readonly seconds: number
  readonly file: Sample
  /** What decoding it would draw. */
  readonly peaks: { readonly sampleRate: number; readonly samplesPerPeak: number; readonly data: Buffer }
}

const songs = [
  ['North Head', 'The Pilots', 'Low Water', 222],
  ['Second Ring', 'The Pilots', 'Low Water', 187],
  ['Slipway', 'The Pilots', 'Low Water', 254],
  ['Fog Signal', 'Ida Marsh', 'Coastwise', 305],
  ['Bell Buoy', 'Ida Marsh', 'Coastwise', 96],
  ['Lamp Room', 'Ida Marsh', 'Coastwise', 171],
  ['Winter Moorings', 'Salt & Tar', 'Winter Moorings', 412],
  ['Ebb', 'Salt & Tar', 'Winter Moorings', 20],
] as const

/** @param picture is embedded as cover into those of the first album */
export function makeTracks(picture: Buffer): TestTrack[] {
  return songs.map(([title, artist, album, seconds], number) => {
    const loudness = drawLoudness(seconds, number)
    // Otherwise an album is in the order in which its files come, several at once.
    const place = songs.slice(0, number + 1).filter((song) => song[2] === album).length
    const texts = { TIT2: title, TPE1: artist, TALB: album, TRCK: String(place) }
    const tag = id3Of(texts, album === 'Low Water' ? picture : null)
    const name = `${artist.toLowerCase().replaceAll(/\W+/g, '-')} - ${title.toLowerCase()}.wav`
    const file = { name, mimeType: 'audio/wav', buffer: wavOf(samplesOf(loudness, number), tag) }
    return { title, artist, album, seconds, file, peaks: peaksOf(loudness) }
  })
}

/** @returns how loud each block is, from 0 to 1, swelling as music does: verses, beats, and an end */
function drawLoudness(seconds: number, number: number): number[] {
  return Array.from({ length: (seconds * RATE) / BLOCK }, (_, block) => {
    const time = (block * BLOCK) / RATE
    const verse = 0.45 + 0.4 * Math.sin((time / seconds) * Math.PI * (3 + (number % 3)) + number) ** 2
    const beat = 0.55 + 0.45 * Math.abs(Math.sin(time * (1.7 + number * 0.13)) * Math.cos(time * 0.61))
    return verse * beat * Math.min(1, time / 3, (seconds - time) / 5)
  })
}

/** A tone as loud as that. */
function samplesOf(loudness: readonly number[], number: number): Buffer {
  const wave = Array.from({ length: BLOCK }, (_, at) => Math.sin((at * 2 * Math.PI * (4 + (number % 4))) / BLOCK))
  const samples = Buffer.alloc(loudness.length * BLOCK)
  for (const [block, loud] of loudness.entries())
    for (const [at, height] of wave.entries()) samples[block * BLOCK + at] = 128 + Math.round(120 * loud * height)
  return samples
}

function peaksOf(loudness: readonly number[]): TestTrack['peaks'] {
  const perPeak = Math.ceil(loudness.length / MAX_PEAKS)
  const data: number[] = []
  for (let start = 0; start < loudness.length; start += perPeak) {
    const loudest = Math.round(120 * Math.max(...loudness.slice(start, start + perPeak)))
    data.push(-loudest, loudest)
  }
  return { sampleRate: RATE, samplesPerPeak: perPeak * BLOCK, data: Buffer.from(Int8Array.from(data).buffer) }
}

/** 8 bits, one channel, and the tag in a chunk of its own. */
function wavOf(samples: Buffer, tag: Buffer): Buffer {
  const format = Buffer.alloc(16)
  for (const [at, value] of [
    [0, 1],
    [2, 1],
    [12, 1],
    [14, 8],
  ] as const)
    format.writeUInt16LE(value, at)
  format.writeUInt32LE(RATE, 4)
  format.writeUInt32LE(RATE, 8)
  const chunks = Buffer.concat([chunkOf('fmt ', format), chunkOf('id3 ', tag), chunkOf('data', samples)])
  return chunkOf('RIFF', Buffer.concat([Buffer.from('WAVE'), chunks]))
}

function chunkOf(id: string, body: Buffer): Buffer {
  const header = Buffer.alloc(8)
  header.write(id, 'latin1')
  header.writeUInt32LE(body.length, 4)
  return Buffer.concat([header, body, Buffer.alloc(body.length % 2)])
}

/** An ID3v2.3 tag (https://id3.org/id3v2.3.0). */
function id3Of(texts: Readonly<Record<string, string>>, picture: Buffer | null): Buffer {
  const frames = Object.entries(texts).map(([id, text]) => frameOf(id, Buffer.from(`\0${text}`, 'latin1')))
  const front = Buffer.from('\0image/jpeg\0\x03\0', 'latin1')
  if (picture !== null) frames.push(frameOf('APIC', Buffer.concat([front, picture])))
  const body = Buffer.concat(frames)
  const size = [21, 14, 7, 0].map((shift) => (body.length >> shift) & 0x7f)
  return Buffer.concat([Buffer.from('ID3\x03\0\0', 'latin1'), Buffer.from(size), body])
}

function frameOf(id: string, body: Buffer): Buffer {
  const header = Buffer.alloc(10)
  header.write(id, 'latin1')
  header.writeUInt32BE(body.length, 4)
  return Buffer.concat([header, body])
}
