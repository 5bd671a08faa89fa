import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeBencode } from '@holdfast/shared/node/torrent/bencode'
import { readTorrent } from '@holdfast/shared/node/torrent/metainfo'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PieceFiles } from '../../src/swarm/piece-files.ts'
import { type Resumed, resume } from '../../src/swarm/resume.ts'
import { makeTorrent } from '../../src/torrent/make-torrent.ts'

const PIECE = 1_024
const COUNT = 100
const bytes = randomBytes(COUNT * PIECE)
const pieceOf = (index: number) => bytes.subarray(index * PIECE, (index + 1) * PIECE)
const pieces = Buffer.concat(
  [...Array(COUNT).keys()].map((index) => createHash('sha1').update(pieceOf(index)).digest()),
)
/** The second file begins in the middle of piece 30. */
const files = [
  { path: ['a'], length: 30 * PIECE + 512 },
  { path: ['b'], length: 69 * PIECE + 512 },
]
const metainfo = readTorrent(encodeBencode({ info: { name: 'x', files, 'piece length': PIECE, pieces } }))
let directory: string
let part: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-resume-'))
  part = join(directory, 'got.part')
})
afterEach(() => rm(directory, { recursive: true }))

async function start(torrent = metainfo): Promise<Resumed & { store: PieceFiles }> {
  const store = new PieceFiles(torrent, part)
  return { ...(await resume(join(directory, 'journals'), torrent, store, part)), store }
}

async function close({ journal, store }: { journal: Resumed['journal']; store: PieceFiles }): Promise<void> {
  await journal.close()
  await new Promise((resolve) => store.close(resolve))
}

/** Loads everything, and ends as by a crash. */
async function loadAll(): Promise<void> {
  const loading = await start()
  await loading.journal.begin([])
  for (let index = 0; index < COUNT; index++) {
    await new Promise((resolve) => loading.store.put(index, pieceOf(index), resolve))
    loading.journal.note(index)
  }
  await close(loading)
}

const listed = (known: Uint8Array | null) =>
  known && [...Array(COUNT).keys()].filter((index) => ((known[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0)

test('what is listed is there, and but a few pieces of it are read', async () => {
  await loadAll()
  const again = await start()
  expect(listed(again.known)).toHaveLength(COUNT)
  expect(again.store.readBytes).toBe(8 * PIECE)
  await close(again)
})

test('where one of these is wrong all of it is to be hashed', async () => {
  await loadAll()
  await writeFile(join(part, 'b'), Buffer.alloc(69 * PIECE + 512))
  const again = await start()
  expect(again.known).toBeNull()
  await close(again)
})

test('where one file is gone the pieces of the others stay listed, also after another crash', async () => {
  await loadAll()
  await rm(join(part, 'a'))
  const again = await start()
  const left = Array.from({ length: 69 }, (_, index) => 31 + index)
  expect(listed(again.known)).toEqual(left)
  // The file has its size again, and nothing in it.
  await close(again)
  const third = await start()
  expect(listed(third.known)).toEqual(left)
  await close(third)
})

test('a file that took the place of another is not taken for it, though it has its number', async () => {
  await loadAll()
  const [name = ''] = await readdir(join(directory, 'journals'))
  const path = join(directory, 'journals', name)
  const journal = await readFile(path, 'utf8')
  const [head = ''] = journal.split('\n')
  const { identity } = JSON.parse(head)
  for (const field of [0, 1, 2]) {
    const other = String(identity).split('/').with(field, '7').join('/')
    await writeFile(path, journal.replace(identity, other))
    const again = await start()
    expect(again.known).toBeNull()
    await close(again)
  }
})

test('what the disk has no room for is not begun', async () => {
  const huge = { name: 'x', length: 2 ** 43, pieceLength: 2 ** 25, pieces: Buffer.alloc(20 * 2 ** 18) }
  await expect(start(readTorrent(makeTorrent(huge, [])))).rejects.toThrow(
    '8796093022208 more bytes, and the disk has room',
  )
  expect(await readdir(directory)).toEqual([])
  // What is there already needs no room.
  await loadAll()
  const handle = await open(join(part, 'a'))
  expect((await handle.stat()).blocks).toBeGreaterThan(0)
  await handle.close()
  expect(await new PieceFiles(metainfo, part).missingBytes()).toBe(0)
})
