import { randomBytes } from 'node:crypto'
import { lstat, mkdtemp, readdir, readlink, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { managerCommands } from '@holdfast/shared/wire/commands'
import { parse } from '@holdfast/shared/wire/message'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import { LocalDisk, type LocalDiskDeps, LocalReads } from '../../../src/chunks/reading/local-disk.ts'
import { aCopy } from '../scripted-file-server.ts'

/** Stands for a copy on disk, under a name as a file-server gives it. */
export interface Stored {
  readonly copy: NamedCopy
  readonly path: string
  readonly bytes: Buffer
}

/** Answers as a file-server does for the copy at this path. */
export async function located(path: string) {
  const { dev, ino } = await lstat(path, { bigint: true })
  return { ok: true, path, device: String(dev), inode: String(ino) }
}

/**
 * Keeps copies in a directory for each test, and disks that read them. After the test it checks that nothing is open, and
 * removes them.
 */
export function useLocalDisks() {
  let root = ''
  const disks: LocalDisk[] = []
  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-disk-')))
  })
  afterEach(async () => {
    // Spies of timers stand before the timers themselves.
    vi.restoreAllMocks()
    vi.useRealTimers()
    for (const disk of disks.splice(0)) disk.close()
    await vi.waitFor(async () => expect(await filesOpen()).toEqual([]), 5_000)
    await rm(root, { recursive: true, force: true })
  })

  const pathOf = ({ copyId, sha256 }: NamedCopy): string => join(root, `5-${copyId}-${sha256}`)
  const store = async (bytes: Buffer = randomBytes(10_000)): Promise<Stored> => {
    const copy = aCopy()
    await writeFile(pathOf(copy), bytes)
    return { copy, path: pathOf(copy), bytes }
  }
  /** Lists the copies of this test that this process has open. The list is empty also where the system does not tell. */
  const filesOpen = async (): Promise<string[]> => {
    const names = await readdir('/proc/self/fd').catch(() => [])
    const paths = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
    return paths.filter((path) => path.startsWith(root))
  }
  /** Makes a disk, and tells how often it asked where a copy lies and the reasons it gave for not reading one. */
  const diskThat = (locate: (copy: NamedCopy) => Promise<object>, deps: Partial<LocalDiskDeps> = {}) => {
    const reasons: unknown[] = []
    const asked = vi.fn(locate)
    const disk = new LocalDisk({
      address: '127.0.0.1',
      isAllowed: true,
      reads: new LocalReads(4),
      locate: async (copy) => parse(managerCommands['locate-file'].ack, await asked(copy), 'BAD_ANSWER'),
      log: { info: (fields: unknown) => void reasons.push((fields as { reason: unknown }).reason) },
      ...deps,
    })
    disks.push(disk)
    return { disk, asked, reasons }
  }
  /** Makes a disk whose file-server says where every copy lies. */
  const honestDisk = (deps?: Partial<LocalDiskDeps>) => diskThat((copy) => located(pathOf(copy)), deps)
  return { pathOf, store, filesOpen, diskThat, honestDisk }
}

/** @returns whether the disk gave just these bytes of the copy; false where it gave none */
export async function isRead(disk: LocalDisk, { copy, bytes }: Stored, start = 0, end = bytes.length) {
  const read = Buffer.alloc(end - start)
  if (!(await disk.read(copy, { sizeBytes: bytes.length, offset: start }, read))) return false
  expect(read.equals(bytes.subarray(start, end))).toBe(true)
  return true
}

/** Makes a gate that holds whoever waits at it until it is opened. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}
