import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeBencode } from '@holdfast/shared/node/torrent/bencode'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { loadTorrent, writeNew } from '../../src/commands/torrent-path.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-torrent-'))
})
afterEach(() => rm(directory, { recursive: true }))

test('a torrent has its name only once it is whole, so that a crash leaves nothing there', async () => {
  const path = join(directory, 'film.torrent')
  const handle = await open(join(directory, 'any'), 'w')
  const prototype = Object.getPrototypeOf(handle)
  await handle.close()
  const { sync } = prototype
  const seen: string[][] = []
  const spy = vi.spyOn(prototype, 'sync').mockImplementation(async function (this: unknown) {
    seen.push(await readdir(directory))
    await sync.call(this)
  })
  await writeNew(path, 'torrent').finally(() => spy.mockRestore())
  expect(seen[0]).not.toContain('film.torrent')
  expect(await readFile(path, 'utf8')).toBe('torrent')
  expect((await readdir(directory)).sort()).toEqual(['any', 'film.torrent'])
})

test('what has the name is left alone', async () => {
  const path = join(directory, 'film.torrent')
  await writeFile(path, 'other')
  await expect(writeNew(path, 'torrent')).rejects.toThrow('film.torrent cannot be written: something has that name')
  expect(await readFile(path, 'utf8')).toBe('other')
  expect(await readdir(directory)).toEqual(['film.torrent'])
})

test('a torrent whose files some disks would take for one is refused', async () => {
  const files = ['cover', 'Cover'].map((name) => ({ length: 5, path: [name] }))
  const path = join(directory, 'album.torrent')
  await writeFile(path, encodeBencode({ info: { name: 'x', files, 'piece length': 10, pieces: Buffer.alloc(20) } }))
  await expect(loadTorrent(path)).rejects.toThrow('album.torrent: the torrent has two files whose names')
})
