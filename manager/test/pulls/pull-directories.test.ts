import { chmod, mkdir, mkdtemp, readdir, rm, statfs, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PullDirectories } from '../../src/pulls/pull-directories.ts'

let root: string
let directories: PullDirectories
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-pulls-'))
  directories = new PullDirectories(root)
})
afterEach(async () => {
  await directories.close()
  await rm(root, { recursive: true })
})

const idOf = (digit: string) => `pull-torrent-${digit.repeat(24)}`

test('one process has the root, and none has one in which others may write', async () => {
  await directories.open()
  await expect(new PullDirectories(root).open()).rejects.toThrow('in use')
  await directories.close()
  await chmod(root, 0o777)
  await expect(new PullDirectories(root).open()).rejects.toThrow('others may write')
})

test('what nobody needs is removed, and what was not touched for a day, but nothing that is used', async () => {
  await directories.open()
  const taken = await readdir(root)
  for (const digit of ['1', '2', '3', '4']) {
    await directories.use(idOf(digit), Buffer.from('torrent'))
    if (digit !== '4') await directories.letGo(idOf(digit))
  }
  await expect(directories.use(idOf('4'), null)).rejects.toThrow('not ended yet')
  await utimes(join(root, idOf('3')), 0, 0)
  await writeFile(join(root, "somebody else's"), '')
  await directories.sweep(async (id) => id !== idOf('2') && id !== idOf('4'))
  expect((await readdir(root)).filter((name) => !taken.includes(name)).sort()).toEqual([
    idOf('1'),
    idOf('4'),
    "somebody else's",
  ])
})

test('what is gone before its turn comes ends no sweep', async () => {
  await directories.open()
  const ids = ['1', '2', '3'].map(idOf)
  for (const id of ids) {
    await directories.use(id, Buffer.from('torrent'))
    await directories.letGo(id)
  }
  const asked: string[] = []
  await directories.sweep(async (id) => {
    asked.push(id)
    for (const other of ids) if (other !== id) await directories.remove(other)
    return false
  })
  expect(asked).toHaveLength(1)
  expect((await readdir(root)).filter((name) => ids.includes(name))).toEqual([])
})

test('what another torrent has loaded already needs no room any more', async () => {
  const { bavail, bsize } = await statfs(root)
  const free = bavail * bsize - 1024 ** 3
  const total = Math.floor(0.9 * free)
  await directories.requireRoom(idOf('1'), total)
  await expect(directories.requireRoom(idOf('2'), Math.floor(0.5 * free))).rejects.toThrow('more bytes are needed')
  // Once it is whole, the disk's own figure tells what it takes.
  await mkdir(join(root, idOf('1'), 'files'), { recursive: true })
  await directories.requireRoom(idOf('2'), Math.floor(0.5 * free))
})

test('a torrent needs room, and what others have been promised is no room', async () => {
  const { bavail, bsize } = await statfs(root)
  const free = bavail * bsize - 1024 ** 3
  await expect(directories.requireRoom(idOf('1'), free + 1024 ** 3)).rejects.toThrow('TORRENT_DIR')
  await directories.requireRoom(idOf('1'), Math.floor(free / 2))
  await directories.requireRoom(idOf('1'), Math.floor(free / 2))
  await expect(directories.requireRoom(idOf('2'), Math.floor(0.9 * free))).rejects.toThrow('more bytes are needed')
  await directories.letGo(idOf('1'))
  await directories.requireRoom(idOf('2'), Math.floor(0.9 * free))
})
