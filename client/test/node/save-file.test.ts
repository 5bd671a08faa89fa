import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { saveFile } from '../../src/node/save-file.ts'

const { chmod, chown, mkdtemp, readdir, readFile, rm, stat, writeFile } = fs

// Not every machine has a file system without hard links, so one is simulated.
vi.mock(import('node:fs/promises'), async (importOriginal) => {
  const real = await importOriginal()
  return { ...real, link: vi.fn(real.link) }
})

let directory: string
let target: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-save-'))
  target = join(directory, 'saved')
})
afterEach(() => rm(directory, { recursive: true }))

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

test('saves the bytes and leaves nothing else', async () => {
  await saveFile(target, chunks('one ', 'two'), false)
  expect(await readFile(target, 'utf8')).toBe('one two')
  expect(await readdir(directory)).toEqual(['saved'])
})

test('keeps a file that appeared while the bytes came', async () => {
  async function* raced(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('late')
    await writeFile(target, 'first')
  }
  await expect(saveFile(target, raced(), false)).rejects.toMatchObject({ name: 'FILE_EXISTS' })
  expect(await readFile(target, 'utf8')).toBe('first')
  expect(await readdir(directory)).toEqual(['saved'])
})

test('replaces what is there where it is told to', async () => {
  await writeFile(target, 'old')
  await saveFile(target, chunks('new'), true)
  expect(await readFile(target, 'utf8')).toBe('new')
})

test('leaves the old file and no part of the new one where the bytes break off', async () => {
  await writeFile(target, 'old')
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('half')
    throw new Error('broke off')
  }
  await expect(saveFile(target, broken(), true)).rejects.toThrow('broke off')
  expect(await readFile(target, 'utf8')).toBe('old')
  expect(await readdir(directory)).toEqual(['saved'])
})

test('leaves a file that it replaces its mode and its owner', async () => {
  await writeFile(target, 'old')
  await chmod(target, 0o604)
  const isRoot = process.getuid?.() === 0
  if (isRoot) await chown(target, 1234, 2345)
  else console.log('not root: whether the owner stays is not tried')
  const before = await stat(target)
  await saveFile(target, chunks('new'), true)
  const { mode, uid, gid } = await stat(target)
  expect({ mode, uid, gid }).toEqual({ mode: before.mode, uid: before.uid, gid: before.gid })
})

describe.each(['EPERM', 'ENOTSUP', 'ENOSYS'])('where a hard link is refused with %s', (code) => {
  beforeEach(() => {
    vi.mocked(fs.link).mockRejectedValue(Object.assign(new Error(code), { code }))
  })
  afterEach(() => {
    vi.mocked(fs.link).mockRestore()
  })

  test('saves the bytes and leaves nothing else', async () => {
    await saveFile(target, chunks('one ', 'two'), false)
    expect(await readFile(target, 'utf8')).toBe('one two')
    expect(await readdir(directory)).toEqual(['saved'])
  })

  test('keeps a file that appeared while the bytes came', async () => {
    async function* raced(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('late')
      await writeFile(target, 'first')
    }
    await expect(saveFile(target, raced(), false)).rejects.toMatchObject({ name: 'FILE_EXISTS' })
    expect(await readFile(target, 'utf8')).toBe('first')
    expect(await readdir(directory)).toEqual(['saved'])
  })
})

test('leaves no part of it where the process is ended in the middle', async () => {
  const before = process.listeners('exit')
  let entries: string[] = []
  async function* ended(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('half')
    for (const listener of process.listeners('exit')) if (!before.includes(listener)) listener(0)
    entries = await readdir(directory)
    throw new Error('ended')
  }
  await expect(saveFile(target, ended(), false)).rejects.toThrow('ended')
  expect(entries).toEqual([])
  expect(process.listeners('exit')).toEqual(before)
})
