import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { AudioSource } from '../../src/audio/metadata/audio-source.ts'

/** Each was made once by ffmpeg: 1.5 s of a tone at 440 Hz. */
export const audioFiles = [
  { file: 'sine.wav', container: 'wav', codec: 'pcm', duration: 1.5, sampleRate: 8_000, lossless: true },
  { file: 'sine.mp3', container: 'mp3', codec: 'mp3', duration: 1.584, sampleRate: 16_000, lossless: false },
  { file: 'cbr.mp3', container: 'mp3', codec: 'mp3', duration: 1.584, sampleRate: 16_000, lossless: false },
  { file: 'sine.flac', container: 'flac', codec: 'flac', duration: 1.5, sampleRate: 8_000, lossless: true },
  { file: 'sine.ogg', container: 'ogg', codec: 'vorbis', duration: 1.5, sampleRate: 16_000, lossless: false },
  { file: 'sine.opus', container: 'ogg', codec: 'opus', duration: 1.5, sampleRate: 16_000, lossless: false },
  { file: 'sine.m4a', container: 'mp4', codec: 'aac', duration: 1.5, sampleRate: 16_000, lossless: false },
  { file: 'faststart.m4a', container: 'mp4', codec: 'aac', duration: 1.5, sampleRate: 16_000, lossless: false },
  { file: 'sine.aac', container: 'aac', codec: 'aac', duration: 1.6, sampleRate: 16_000, lossless: false },
  { file: 'sine.aiff', container: 'aiff', codec: 'pcm', duration: 1.5, sampleRate: 8_000, lossless: true },
  { file: 'sine.wma', container: 'wma', codec: 'wma', duration: 1.504, sampleRate: 16_000, lossless: false },
  { file: 'sine.webm', container: 'webm', codec: 'opus', duration: 1.508, sampleRate: 16_000, lossless: false },
] as const

export function audioBytes(file: string): Buffer {
  return readFileSync(fileURLToPath(new URL(`./files/${file}`, import.meta.url)))
}

const BUDGET = { bytes: 24 * 1024 ** 2, reads: 50_000 }

/** @param heldBytes how many of the first bytes are held, the others being fetched */
export function sourceOf(bytes: Buffer, heldBytes = bytes.length): AudioSource {
  const head = bytes.subarray(0, heldBytes)
  return new AudioSource({ size: bytes.length, head }, async (start, end) => bytes.subarray(start, end), BUDGET)
}

/** @returns an ID3v2.3 tag of so many bytes */
export function id3Tag(length: number): Buffer {
  const size = [21, 14, 7, 0].map((shift) => (length >> shift) & 0x7f)
  return Buffer.concat([Buffer.from('ID3\x03\x00\x00', 'latin1'), Buffer.from(size), Buffer.alloc(length)])
}

/** @returns a box of an MP4 file */
export function box(type: string, body: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32BE(8 + body.length)
  header.write(type, 4, 'latin1')
  return Buffer.concat([header, body])
}
