import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findAudio, readSongMetadata } from '../../src/napster/song-metadata.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-songs-'))
})
afterEach(async () => {
  await chmod(join(directory, 'locked'), 0o700).catch(() => undefined)
  await rm(directory, { recursive: true })
})

async function find(): Promise<{ found: string[]; unreadable: string[] }> {
  const unreadable: string[] = []
  const found: string[] = []
  const note = (path: string, reason: string) => unreadable.push(`${path.slice(directory.length)}: ${reason}`)
  for await (const path of findAudio(directory, note)) found.push(path.slice(directory.length + 1))
  return { found, unreadable }
}

/** Root may read everything, so it is somebody else for a while. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work()
  process.seteuid?.(65_534)
  try {
    return await work()
  } finally {
    process.seteuid?.(0)
  }
}

test('songs are found by the ends of their names, in folders too, and links lead nowhere', async () => {
  await mkdir(join(directory, 'music/.hidden'), { recursive: true })
  await mkdir(join(directory, 'elsewhere.mp3'))
  for (const name of [
    'b.MP3',
    'a.flac',
    'notes.txt',
    '.c.mp3',
    'music/d.ogg',
    'music/.hidden/e.mp3',
    'elsewhere.mp3/f.wav',
  ])
    await writeFile(join(directory, name), 'song')
  await symlink(join(directory, 'b.MP3'), join(directory, 'link.mp3'))
  await symlink(directory, join(directory, 'music/loop'))
  expect(await find()).toEqual({ found: ['a.flac', 'b.MP3', 'elsewhere.mp3/f.wav', 'music/d.ogg'], unreadable: [] })
})

test.runIf(process.platform !== 'win32')('a folder that cannot be read is passed over, and told', async () => {
  await chmod(directory, 0o755)
  await mkdir(join(directory, 'locked'), { mode: 0 })
  await writeFile(join(directory, 'a.mp3'), 'song')
  expect(await asNobody(find)).toEqual({
    found: ['a.mp3'],
    unreadable: [expect.stringMatching(/^\/locked: access is denied/)],
  })
})

test('what is no song in spite of its name is called by its name', async () => {
  await writeFile(join(directory, 'Feeling Good.mp3'), 'no song')
  expect(await readSongMetadata(join(directory, 'Feeling Good.mp3'))).toEqual({
    ...{ song: 'Feeling Good', artist: '', album: '', duration: null, year: null },
  })
})

test('a title is as long as the tracker takes it, which counts a character of two halves twice', async () => {
  const synchsafe = (length: number) => Buffer.from([21, 14, 7, 0].map((shift) => (length >> shift) & 0x7f))
  const text = Buffer.from(`\x03x${'🎵'.repeat(200)}`)
  const frame = Buffer.concat([Buffer.from('TIT2'), synchsafe(text.length), Buffer.alloc(2), text])
  // A frame of MPEG 1, layer 3, at 128 kbit/s, twice.
  const sound = Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0]), Buffer.alloc(413)])
  const tags = Buffer.concat([Buffer.from('ID3\x04\0\0', 'latin1'), synchsafe(frame.length), frame])
  await writeFile(join(directory, 'x.mp3'), Buffer.concat([tags, sound, sound]))
  expect((await readSongMetadata(join(directory, 'x.mp3'))).song).toBe(`x${'🎵'.repeat(149)}`)
})
