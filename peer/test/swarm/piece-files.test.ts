import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeBencode } from '@holdfast/shared/node/torrent/bencode'
import { readTorrent } from '@holdfast/shared/node/torrent/metainfo'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PieceFiles } from '../../src/swarm/piece-files.ts'
import { makeTorrent } from '../../src/torrent/make-torrent.ts'
import { countLooks } from './count-looks.ts'

const bytes = randomBytes(300)
const metainfo = readTorrent(makeTorrent({ name: 'x', length: 300, pieceLength: 256, pieces: Buffer.alloc(40) }, []))
let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-pieces-'))
})
afterEach(() => rm(directory, { recursive: true }))

test('gives the bytes of a block, and none that the torrent has not', async () => {
  await writeFile(join(directory, 'x'), bytes)
  const store = new PieceFiles(metainfo, join(directory, 'x'))
  const get = (index: number, offset: number, length: number) =>
    new Promise<Uint8Array>((resolve, reject) =>
      store.get(index, { offset, length }, (error, found) => (found ? resolve(found) : reject(error))),
    )
  expect(await get(1, 4, 40)).toEqual(bytes.subarray(260))
  for (const [index, offset, length] of [
    [2, 0, 1],
    [-1, 0, 1],
    [0, -1, 2],
    [1, 0, 45],
    [0, 250, 7],
    [0, 0, 0],
  ] as const)
    await expect(get(index, offset, length)).rejects.toThrow('no such block')
  await new Promise((resolve) => store.close(resolve))
})

test('takes over files of the right size, and of another only where they are known to be its own', async () => {
  const path = join(directory, 'x')
  expect(await new PieceFiles(metainfo, path).prepare(false)).toBe(false)
  expect(await new PieceFiles(metainfo, path).prepare(false)).toBe(true)
  await writeFile(path, 'letters')
  await expect(new PieceFiles(metainfo, path).prepare(false)).rejects.toThrow('no part of this torrent')
  expect(await readFile(path, 'utf8')).toBe('letters')
  expect(await new PieceFiles(metainfo, path).prepare(true)).toBe(false)
})

test('makes the folders that are missing, for others to read as usual, and does not wait for ever where it cannot', async () => {
  const usual = 0o777 & ~process.umask()
  await new PieceFiles(metainfo, join(directory, 'a/b/x')).prepare(false)
  expect((await stat(join(directory, 'a/b'))).mode & 0o777).toBe(usual)
  if (process.platform === 'linux')
    await expect(new PieceFiles(metainfo, '/proc/holdfast/a/x').prepare(false)).rejects.toThrow('cannot be used')
})

test('several files in a folder are known again by their bytes', async () => {
  const digests = [bytes.subarray(0, 256), bytes.subarray(256)].map((piece) =>
    createHash('sha1').update(piece).digest(),
  )
  const files = [
    { path: ['a'], length: 200 },
    { path: ['b', 'c'], length: 100 },
  ]
  const info = { name: 'album', files, 'piece length': 256, pieces: Buffer.concat(digests) }
  const store = new PieceFiles(readTorrent(encodeBencode({ info })), directory)
  await mkdir(join(directory, 'b'))
  await writeFile(join(directory, 'a'), bytes.subarray(0, 200))
  expect(await store.hasFiles()).toBe(false)
  await writeFile(join(directory, 'b/c'), Buffer.alloc(100))
  expect([await store.hasFiles(), await store.isWhole(AbortSignal.timeout(5_000))]).toEqual([true, false])
  await writeFile(join(directory, 'b/c'), bytes.subarray(200))
  expect(await store.isWhole(AbortSignal.timeout(5_000))).toBe(true)
})

test('a block of a torrent of many files is read without a look at each of them', async () => {
  const many = Array.from({ length: 1_000 }, (_, number) => ({ path: [`${number}`], length: number % 3 }))
  const info = { name: 'album', files: many, 'piece length': 256, pieces: Buffer.alloc(20 * 4) }
  const whole = readTorrent(encodeBencode({ info }))
  const count = countLooks(whole.files)
  const store = new PieceFiles({ ...whole, files: count.files }, directory)
  for (let number = 600; number < 610; number++)
    await writeFile(join(directory, `${number}`), Buffer.alloc(number % 3, number))
  count.looks = 0
  const found = await new Promise((resolve, reject) =>
    store.get(2, { offset: 600 - 2 * 256, length: 9 }, (error, read) => (read ? resolve(read) : reject(error))),
  )
  // Of each three files the first is empty.
  const bytes = [601, 602, 602, 604, 605, 605, 607, 608, 608]
  expect(found).toEqual(Buffer.from(bytes.map((number) => number % 256)))
  expect(count.looks).toBeLessThan(100)
  await new Promise((resolve) => store.close(resolve))
})
