import { mkdtemp, readdir, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DurableWrite } from '../../../src/store/disk/durable-write.ts'
import { BlockedDirectoryError, Directories } from '../../../src/store/tree/directories.ts'
import { LEAF_DEPTH, type Leaf, leafPath } from '../../../src/store/tree/slot.ts'
import { realDisk } from '../recording-disk.ts'
import { quietLog } from '../store-fixture.ts'

let root = ''
let directories: Directories
const leaf = 1_297 as Leaf
const isDirectory = async (): Promise<boolean> => (await stat(join(root, leafPath(leaf)))).isDirectory()

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-directories-'))
  directories = new Directories({ root, disk: realDisk, durable: new DurableWrite(realDisk), log: quietLog })
})
afterEach(() => rm(root, { recursive: true, force: true }))

describe('Directories', () => {
  it('keeps a leaf while anyone holds it, and then removes it with the empty ones above', async () => {
    await Promise.all([directories.hold(leaf, 'durable'), directories.hold(leaf, 'durable')])
    directories.release(leaf)
    await directories.prune(LEAF_DEPTH, leaf)
    expect(await isDirectory()).toBe(true)
    directories.release(leaf)
    await directories.prune(LEAF_DEPTH, leaf)
    expect(await readdir(root)).toEqual([])
    expect(await directories.exists(leaf)).toBe(false)
  })

  it('makes a leaf again for a hold that comes at any moment of its removal', async () => {
    for (let round = 0; round < 100; round++) {
      const removal = directories.prune(LEAF_DEPTH, leaf)
      for (let turn = 0; turn < round % 8; turn++) await Promise.resolve()
      await directories.hold(leaf, 'durable')
      expect(await isDirectory()).toBe(true)
      await removal
      expect(await isDirectory()).toBe(true)
      directories.release(leaf)
    }
  })

  it('does not go through a symlink', async () => {
    await symlink(tmpdir(), join(root, '0'))
    await expect(directories.hold(leaf, 'durable')).rejects.toBeInstanceOf(BlockedDirectoryError)
    await expect(directories.exists(leaf)).rejects.toBeInstanceOf(BlockedDirectoryError)
  })
})
