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
const journalPath = async () => join(directory, 'journals', (await readdir(join(directory, 'journals')))[0] ?? '')

test('a piece is listed when its bytes are durable, and not before', async () => {
  const seen: string[] = []
  const journal = await open(false, async () => {
    seen.push(await readFile(await journalPath(), 'utf8'))
  })
  expect(journal.known).toEqual(new Uint8Array(3))
  journal.note(0)
  journal.note(9)
  await journal.flush()
  expect(seen).toEqual([expect.not.stringContaining('[0,9]')])
  await journal.close()
  const again = await open(true)
  expect(again.known).toEqual(Uint8Array.of(0x80, 0x40, 0))
  await again.close()
})

test('what was being written in a crash is passed over, and the journal goes on', async () => {
  const journal = await open(false)
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
  const journal = await open(false, () => Promise.reject(new Error('EIO')))
  journal.note(1)
  await expect(journal.flush()).rejects.toThrow('EIO')
  await journal.close()
  const again = await open(true)
  expect(again.known).toEqual(new Uint8Array(3))
  await again.close()
})

test('of another file, or of one that took its place, nothing is known, so that it is hashed', async () => {
  const journal = await open(false)
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
