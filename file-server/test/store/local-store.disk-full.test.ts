import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { StoredCopy } from '@holdfast/shared/wire/shapes'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { newCopyId } from '../../../shared/test/new-copy-id.ts'
import type { DiskCalls } from '../../src/store/disk/disk-calls.ts'
import { openStore } from '../../src/store/open-store.ts'
import type { Store } from '../../src/store/store.ts'
import { digestOf, get, put } from './new-copies.ts'
import { realDisk } from './recording-disk.ts'
import { filesUnder, quietLog, useDataDirectory } from './store-fixture.ts'

const MIB = 1024 * 1024
const CAPACITY = 8 * MIB
const rootOf = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
const body = (fill: number): Buffer => Buffer.alloc(MIB, fill)

function mountSmallDisk(at: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${CAPACITY}`, 'holdfast-test', at]).status === 0
}

/** The real disk counts as full when the files under a directory have so many bytes. */
function cappedDisk(root: string): DiskCalls {
  const leftBytes = async (): Promise<number> => {
    // One may have been renamed or deleted since it was listed.
    const sizeOf = async (path: string) => (await stat(path).catch(() => ({ size: 0 }))).size
    const sizes = await Promise.all((await filesUnder(root)).map(sizeOf))
    return CAPACITY - sizes.reduce((sum, size) => sum + size, 0)
  }
  return {
    ...realDisk,
    readRoom: async () => ({ freeBytes: await leftBytes(), totalBytes: CAPACITY, freeInodes: null }),
    async write(file, bytes, offset, position) {
      const takeBytes = Math.min(bytes.length - offset, await leftBytes())
      if (takeBytes <= 0) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
      return realDisk.write(file, bytes.subarray(0, offset + takeBytes), offset, position)
    },
  }
}

/** Stores copies of 1 MiB until there is no more room. */
async function fill(store: Store): Promise<StoredCopy[]> {
  const copies: StoredCopy[] = []
  for (let count = 0; count < 20; count++) {
    try {
      copies.push(await put(store, body(count)))
    } catch (error) {
      expect(error).toMatchObject({ name: 'DISK_FULL' })
      return copies
    }
  }
  throw new Error('the disk never filled')
}

// The full disk behind the seam is tested everywhere, a real small one where this user may mount it.
const probe = await mkdtemp(join(tmpdir(), 'holdfast-mount-probe-'))
const canMount = mountSmallDisk(probe)
if (canMount) spawnSync('umount', [probe])
await rm(probe, { recursive: true })

describe.each(canMount ? ['tmpfs', 'seam'] : ['seam'])('a full disk (%s)', (kind) => {
  let root = ''
  let store: Store | null = null
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'holdfast-small-disk-'))
    if (kind === 'tmpfs') expect(mountSmallDisk(root)).toBe(true)
  })
  afterEach(async () => {
    await store?.close()
    await rm(join(root, 'data'), { recursive: true, force: true })
  })
  afterAll(async () => {
    if (kind === 'tmpfs') spawnSync('umount', [root])
    await rm(root, { recursive: true, force: true })
  })

  async function open(minFreeBytes: number, changes: Partial<DiskCalls> = {}): Promise<Store> {
    const disk = { ...(kind === 'tmpfs' ? realDisk : cappedDisk(root)), ...changes }
    store = await openStore({ dataDirectory: join(root, 'data'), minFreeBytes, log: quietLog, disk })
    return store
  }

  it('in the middle of a write leaves nothing of the copy; deletes work, and then new copies do', async () => {
    const claimsToBeEmpty = async () => ({ freeBytes: 2 ** 40, totalBytes: CAPACITY, freeInodes: null })
    const opened = await open(0, { readRoom: claimsToBeEmpty })
    const copies = await fill(opened)
    expect(copies.length).toBeGreaterThanOrEqual(7)
    expect(opened.status()).toMatchObject({ copyCount: copies.length, isWritable: true })
    for (const copy of copies) expect(digestOf(await get(opened, copy))).toBe(copy.sha256)
    expect(await filesUnder(join(root, 'data', 'tree'))).toHaveLength(copies.length)
    for (const copy of copies.slice(3, 5)) expect(await opened.deleteCopy(copy.copyId, copy.slot)).toBe(true)
    expect((await put(opened, body(99))).slot).toBe(3)
  })

  it('is refused before it is full, and taken again when there is room', async () => {
    const opened = await open(3 * MIB)
    const copies = await fill(opened)
    expect([4, 5]).toContain(copies.length)
    expect(opened.status().freeBytes).toBeLessThan(MIB)
    await expect(opened.createCopy(newCopyId(), 2 * MIB)).rejects.toMatchObject({ name: 'DISK_FULL' })
    for (const copy of copies) expect(await opened.deleteCopy(copy.copyId, copy.slot)).toBe(true)
    await vi.waitFor(() => expect(opened.status().freeBytes).toBeGreaterThan(4 * MIB), 5_000)
    expect((await put(opened, body(1))).slot).toBe(0)
  })
})

describe('a limit on the size of files', () => {
  const data = useDataDirectory()

  it('counts as a full disk, not as a failed one', async () => {
    const writer = rootOf('file-server/test/store/limited-writer.ts')
    const child = spawn('prlimit', [`--fsize=${MIB}`, process.execPath, '--import', 'tsx', writer, data.path()], {
      cwd: rootOf('.'),
      env: { ...process.env, TSX_TSCONFIG_PATH: rootOf('tsconfig.check.json') },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    expect((await text(child.stdout)).trim().split('\n')).toEqual(['DISK_FULL', 'slot 0', 'writable'])
    expect((await exited)[0]).toBe(0)
  })
})
