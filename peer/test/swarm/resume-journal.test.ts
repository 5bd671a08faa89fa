import { appendFile, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ResumeJournal } from '../../src/swarm/resume-journal.ts'

let directory: string
let key: { infoHash: string; path: string; pieces: number }
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-journal-'))
  key = { infoHash: 'a'.repeat(40), path: join(directory, 'film.part'), pieces: 20 }
  await writeFile(key.path, 'bytes')
})
afterEach(() => rm(directory, { recursive: true }))

const noSync = async (): Promise<void> => undefined
const open = (isThere: boolean, sync = noSync, own = key) =>
  ResumeJournal.open(join(directory, 'journals'), own, isThere, sync)
async function begin(isThere: boolean, sync = noSync): Promise<ResumeJournal> {
  const journal = await open(isThere, sync)
  await journal.begin([])
  return journal
}
const journalPath = async () => join(directory, 'journals', (await readdir(join(directory, 'journals')))[0] ?? '')

test('a piece is listed when its bytes are durable, and not before', async () => {
  const seen: string[] = []
  const journal = await begin(false, async () => {
    seen.push(await readFile(await journalPath(), 'utf8').catch(() => ''))
  })
  expect(journal.known).toEqual(new Uint8Array(3))
  journal.note(0)
  journal.note(9)
  await journal.flush()
  expect(seen).toEqual(['', expect.not.stringContaining('[0,9]')])
  await journal.close()
  const again = await open(true)
  expect(again.known).toEqual(Uint8Array.of(0x80, 0x40, 0))
  await again.close()
})

test('what was being written in a crash is passed over, and the journal goes on', async () => {
  const journal = await begin(false)
  journal.note(1)
  await journal.close()
  await appendFile(await journalPath(), '[2,')
  const again = await open(true)
  expect(again.known?.[0]).toBe(0x40)
  again.note(3)
  await again.close()
  const third = await open(true)
  expect(third.known?.[0]).toBe(0x50)
  await third.close()
})

test('where the disk fails nothing is listed, and it is told', async () => {
  let isBroken = false
  const journal = await begin(false, async () => {
    if (isBroken) throw new Error('EIO')
  })
  isBroken = true
  journal.note(1)
  await expect(journal.flush()).rejects.toThrow('EIO')
  await journal.close()
  const again = await open(true)
  expect(again.known).toEqual(new Uint8Array(3))
  await again.close()
})

test('of another file, or of one that took its place, nothing is known, so that it is hashed', async () => {
  const journal = await begin(false)
  journal.note(1)
  await journal.close()
  await writeFile(join(directory, 'other'), 'bytes')
  await rename(join(directory, 'other'), key.path)
  const again = await open(true)
  expect(again.known).toBeNull()
  await again.close()
  const other = await open(true, noSync, { ...key, pieces: 21 })
  expect(other.known).toBeNull()
  await other.remove()
})

test('while files of which nothing is known are hashed nothing is listed, and what was listed stays until they are', async () => {
  const journal = await open(true)
  expect(journal.known).toBeNull()
  journal.note(1)
  await journal.close()
  expect(await readdir(join(directory, 'journals'))).toEqual([])
  const hashed = await open(true)
  expect(hashed.known).toBeNull()
  await hashed.begin([3])
  await hashed.close()
  const again = await open(true)
  expect(again.known).toEqual(Uint8Array.of(0x10, 0, 0))
  await again.begin([4])
  await again.close()
  const third = await open(true)
  expect(third.known).toEqual(Uint8Array.of(0x08, 0, 0))
  await third.close()
})

test('it is known which torrent has loaded what is at a path', async () => {
  const ownerOf = () => ResumeJournal.ownerOf(join(directory, 'journals'), key.path)
  expect(await ownerOf()).toBeNull()
  await (await begin(false)).close()
  expect(await ownerOf()).toBe(key.infoHash)
  await writeFile(join(directory, 'other'), 'bytes')
  await rename(join(directory, 'other'), key.path)
  expect(await ownerOf()).toBeNull()
})
