import { afterAll, expect, test } from 'vitest'
import { MetadataReader } from '../../../src/audio/metadata/metadata-reader.ts'
import { audioBytes } from '../audio-files.ts'
import { bombs } from '../bombs.ts'

const script = new URL('../thread-of-sources.mjs', import.meta.url)
const reader = new MetadataReader({ script, stepMs: 15_000, fileMs: 30_000 })
afterAll(() => reader.close())

const { signal } = new AbortController()
const HELD_BYTES = 256 * 1024
const fileOf = (bytes: Buffer) => ({
  size: bytes.length,
  head: bytes.subarray(0, HELD_BYTES),
  read: async (start: number, end: number) => bytes.subarray(start, end),
})

test.each(Object.entries(bombs))(
  '%s is answered, and the next file is read',
  async (_what, make) => {
    const result = await reader.readMetadata(fileOf(make()), signal)
    expect(['audio', 'broken', 'not-audio']).toContain(result.kind)
    expect(await reader.readMetadata(fileOf(audioBytes('sine.wav')), signal)).toMatchObject({ kind: 'audio' })
  },
  60_000,
)
