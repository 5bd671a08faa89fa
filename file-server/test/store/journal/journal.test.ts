import { randomBytes } from 'node:crypto'
import { readFile, rename, stat, unlink, writeFile } from 'node:fs/promises'
import type { StoredCopy } from '@holdfast/shared/wire/shapes'
import { describe, expect, it, vi } from 'vitest'
import { newCopyId } from '../../../../shared/test/new-copy-id.ts'
import { type DiskCalls, DiskHangsError, runSync } from '../../../src/store/disk/disk-calls.ts'
import { decodeHeader } from '../../../src/store/journal/journal-header.ts'
import type { Store } from '../../../src/store/store.ts'
import { copyPath } from '../../../src/store/tree/slot.ts'
import { digestOf, get, named } from '../new-copies.ts'
import { errno, realDisk, recordingDisk } from '../recording-disk.ts'
import { filesUnder, inventoryDone, listAll, useDataDirectory } from '../store-fixture.ts'

const data = useDataDirectory()
const KIB = 1024
const bytesOf = (text: string): Buffer => Buffer.from(text)
const store1 = (store: Store, bytes: Uint8Array): Promise<StoredCopy> => store.storeCopy(newCopyId(), bytes, null)
const pathOf = (copy: Parameters<typeof copyPath>[0]): string => data.path('tree', copyPath(copy))
const segmentBytes = async (): Promise<Buffer[]> =>
  Promise.all(['a', 'b'].map((name) => readFile(data.path('journal', `${name}.segment`))))
const small = { maxCopyBytes: 64 * KIB, segmentBytes: 256 * KIB }

/** Makes a gate that holds calls back until it is opened. */
function gate() {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** Holds the syncs of the journal back until `open`; `held` resolves when one waits. */
function holdSyncs(disk: DiskCalls) {
  const { opened, open } = gate()
  let isHeld = false
  disk.syncJournal = async (fd) => {
    isHeld = true
    await opened
    await realDisk.syncJournal(fd)
  }
  return { open, held: () => vi.waitFor(() => expect(isHeld).toBe(true)) }
}

describe('the order of a journaled write', () => {
  it('is: journal write and sync, and at the same time the file in the tree unsynced, and only then the answer', async () => {
    const { disk, calls } = recordingDisk(() => data.path())
    const store = await data.open({ disk })
    calls.length = 0
    await store1(store, bytesOf('abc'))
    calls.push('answer')
    expect(calls.filter((call) => !call.startsWith('createFile'))).toEqual(['writeJournal', 'syncJournal', 'answer'])
    expect(calls.filter((call) => call.startsWith('createFile'))).toEqual(['createFile /tree/0/0/0/0/0/0-copy'])
  })

  it.each(['syncJournal', 'createFile'] as const)('waits for %s before the answer', async (held) => {
    const { opened, open } = gate()
    let isHeld = false
    const hold = <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) => {
      return async (...args: Args): Promise<T> => {
        const result = await call(...args)
        isHeld = true
        await opened
        return result
      }
    }
    const disk: DiskCalls = { ...realDisk, [held]: realDisk[held] }
    const store = await data.open({ disk })
    if (held === 'syncJournal') disk.syncJournal = hold(realDisk.syncJournal)
    else disk.createFile = hold(realDisk.createFile)
    let isAnswered = false
    const answer = store1(store, bytesOf('abc')).then((copy) => {
      isAnswered = true
      return copy
    })
    await vi.waitFor(() => expect(isHeld).toBe(true))
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    expect(isAnswered).toBe(false)
    open()
    expect((await get(store, await answer)).toString()).toBe('abc')
  })

  it('lets all that wait share one write and one sync, and none its predecessor', async () => {
    const { disk, calls } = recordingDisk(() => data.path())
    const store = await data.open({ disk })
    await store1(store, bytesOf('first'))
    calls.length = 0
    const copies = await Promise.all(Array.from({ length: 200 }, (_, index) => store1(store, bytesOf(`copy ${index}`))))
    const journal = calls.filter((call) => call.endsWith('Journal'))
    expect(journal.length).toBeLessThan(100)
    expect(journal).toEqual(journal.map((_, index) => (index % 2 === 0 ? 'writeJournal' : 'syncJournal')))
    expect(new Set(copies.map((copy) => copy.slot)).size).toBe(200)
  })

  it('at a checkpoint is: files in the tree complete, file system synced, and only then the segment given up', async () => {
    const { disk, calls } = recordingDisk(() => data.path())
    const store = await data.open({ disk, journal: small })
    await Promise.all(Array.from({ length: 300 }, (_, index) => store1(store, bytesOf(`${index}`))))
    calls.length = 0
    await store.close()
    expect(calls).toEqual(['syncFileSystem /tree', 'writeJournal', 'syncJournal'])
  })

  it('at a checkpoint of few copies, or without sync -f, syncs each file and then every directory on the way', async () => {
    for (const count of [2, 300]) {
      const { disk, calls, failures } = recordingDisk(() => data.path())
      const store = await data.open({ disk, journal: small })
      const copies = await Promise.all(Array.from({ length: count }, (_, index) => store1(store, bytesOf(`${index}`))))
      failures.set('syncFileSystem', errno('ENOENT'))
      calls.length = 0
      await store.close()
      const tried = count === 2 ? [] : ['syncFileSystem /tree']
      expect(calls.slice(0, tried.length)).toEqual(tried)
      const rest = calls.slice(tried.length)
      expect(rest.slice(0, count).every((call) => call.startsWith('syncPath /tree/0/0/0/0/'))).toBe(true)
      expect(rest.slice(count, count + 6).sort()).toEqual(
        ['/tree', '/tree/0', '/tree/0/0', '/tree/0/0/0', '/tree/0/0/0/0', '/tree/0/0/0/0/0'].map(
          (path) => `syncDirectory ${path}`,
        ),
      )
      expect(rest.slice(-2)).toEqual(['writeJournal', 'syncJournal'])
      const again = await data.open()
      for (const copy of copies) await again.deleteCopy(copy.copyId, copy.slot)
      await again.close()
    }
  })

  it('syncs the directories that journaled copies were put into before a large copy in them is answered', async () => {
    const { disk, calls } = recordingDisk(() => data.path())
    const store = await data.open({ disk })
    await store1(store, bytesOf('small'))
    calls.length = 0
    await store1(store, Buffer.alloc(300 * KIB))
    const syncs = calls.filter((call) => call.startsWith('syncDirectory')).sort()
    const leaf = '/tree/0/0/0/0/0'
    expect(syncs).toEqual(
      ['/tree', '/tree/0', '/tree/0/0', '/tree/0/0/0', '/tree/0/0/0/0', leaf].map((path) => `syncDirectory ${path}`),
    )
  })
})

describe('the journal', () => {
  it('is empty after an orderly close: the next start replays nothing', async () => {
    const first = await data.open()
    const copies = await Promise.all(Array.from({ length: 70 }, () => store1(first, randomBytes(500))))
    await first.close()
    const before = (await segmentBytes()).map(digestOf)
    const { disk, calls } = recordingDisk(() => data.path())
    const store = await data.open({ disk })
    expect(calls.filter((call) => /createFile|unlink|sync(FileSystem|Journal|Path)/.test(call))).toEqual([])
    expect((await segmentBytes()).map(digestOf)).toEqual(before)
    for (const copy of copies) expect(digestOf(await get(store, copy))).toBe(copy.sha256)
  })

  it('writes first into the segment that was reset first, so that a replay knows which frames are older', async () => {
    const first = await data.open()
    await store1(first, bytesOf('makes a segment be reset'))
    await first.close()
    const generations = (await segmentBytes()).map((bytes, index) => decodeHeader(bytes, `${index}`).generation)
    const older = generations.indexOf(Math.min(...generations))
    expect(older).toBe(1)
    const before = (await segmentBytes()).map(digestOf)
    const store = await data.open()
    await store1(store, bytesOf('goes into the older one'))
    const after = (await segmentBytes()).map(digestOf)
    expect([0, 1].map((index) => after[index] === before[index])).toEqual([true, false])
  })

  it('checkpoints one segment while the other is written to, over many generations, and loses nothing', async () => {
    const { disk, calls } = recordingDisk(() => data.path())
    const store = await data.open({ disk, journal: small })
    const copies: StoredCopy[] = []
    for (let round = 0; round < 20; round++)
      copies.push(...(await Promise.all(Array.from({ length: 20 }, () => store1(store, randomBytes(4 * KIB))))))
    expect(
      calls.filter((call) => call.startsWith('syncFileSystem') || call.startsWith('syncPath')).length,
    ).toBeGreaterThan(4)
    for (const copy of copies) expect(digestOf(await get(store, copy))).toBe(copy.sha256)
    for (const bytes of await segmentBytes()) expect(bytes.length).toBe(256 * KIB)
  })

  it('makes uploads wait while both segments are full, then goes on; who waits too long or too many are refused', async () => {
    const { opened, open } = gate()
    let checkpointCount = 0
    const held = async (): Promise<void> => {
      checkpointCount++
      await opened
    }
    const disk: DiskCalls = { ...realDisk, syncFileSystem: held, syncPath: held }
    const journalLimits = { maxCount: 100, maxWaitMs: 300 }
    const store = await data.open({ disk, journal: { ...small, limits: journalLimits } })
    const uploads = Array.from({ length: 200 }, () => store1(store, randomBytes(4 * KIB)))
    const outcomes = await Promise.allSettled(uploads.map((upload) => Promise.race([upload])))
    const stored = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.name] : []))
    expect(checkpointCount).toBeGreaterThan(0)
    expect(stored.length).toBeGreaterThan(50)
    expect(refused.length).toBeGreaterThan(50)
    expect(new Set(refused)).toEqual(new Set(['OVERLOADED']))
    expect(await filesUnder(data.path('tree'))).toHaveLength(stored.length)
    open()
    await vi.waitFor(async () => expect((await store1(store, bytesOf('goes on'))).sizeBytes).toBe(7), 5_000)
    expect(store.status()).toMatchObject({ copyCount: stored.length + 1, isWritable: true })
  })

  it('is not used again after a checkpoint that failed: the disk is suspect, and the next start replays', async () => {
    const disk: DiskCalls = { ...realDisk }
    const store = await data.open({ disk, journal: small })
    const copies = await Promise.all(Array.from({ length: 10 }, () => store1(store, randomBytes(KIB))))
    disk.syncPath = async () => {
      throw errno('EIO')
    }
    await store.close()
    const [copy] = copies
    if (copy === undefined) throw new Error('nothing was stored')
    await unlink(pathOf(copy))
    const again = await data.open()
    for (const one of copies) expect(digestOf(await get(again, one))).toBe(one.sha256)
  })

  it('tries a checkpoint again that wanted descriptors, and the disk is not suspect', async () => {
    const disk: DiskCalls = { ...realDisk }
    let failedCount = 0
    disk.syncPath = disk.syncFileSystem = async () => {
      disk.syncPath = realDisk.syncPath
      disk.syncFileSystem = realDisk.syncFileSystem
      failedCount++
      throw errno('EMFILE')
    }
    const store = await data.open({ disk, journal: small })
    for (let round = 0; round < 20; round++)
      await Promise.all(Array.from({ length: 20 }, () => store1(store, randomBytes(4 * KIB))))
    expect(failedCount).toBe(1)
    expect(store.status().isWritable).toBe(true)
  })

  it('fails where a checkpoint is not answered: the process is to end, and the next start replays', async () => {
    const disk: DiskCalls = { ...realDisk }
    disk.syncPath = disk.syncFileSystem = async () => {
      throw new DiskHangsError('sync did not end')
    }
    const store = await data.open({ disk, journal: small })
    await Promise.allSettled(Array.from({ length: 100 }, () => store1(store, randomBytes(4 * KIB))))
    await expect(store.failed).rejects.toThrow('the journal failed')
  })

  it('does not wait for a sync that does not end', async () => {
    await expect(runSync('sleep', ['30'], 50)).rejects.toBeInstanceOf(DiskHangsError)
    await expect(runSync('false', [], 10_000)).rejects.toThrow('false ended with 1')
    await runSync('true', [], 10_000)
  })

  it('frees a slot once, by its delete: no discard frees it before, and nothing is put back into it', async () => {
    const disk: DiskCalls = { ...realDisk }
    const first = await data.open({ disk })
    const copy = await store1(first, bytesOf('copy'))
    await first.close()
    // Of two copies in one slot, one goes to the quarantine, with the slot as its origin.
    const extra = { ...named(copy), copyId: newCopyId(), sha256: digestOf(bytesOf('extra')) }
    await writeFile(pathOf(extra), 'extra')
    const store = await data.open({ disk })
    await inventoryDone(store)
    const [inTree] = (await listAll(store)).tree
    const [kept] = (await listAll(store)).quarantine
    if (inTree === undefined || kept === undefined) throw new Error('nothing went to the quarantine')
    const other = await store1(store, bytesOf('other'))
    const { open, held } = holdSyncs(disk)
    const deletes = [store.deleteCopy(other.copyId, other.slot)]
    await held()
    deletes.push(store.deleteCopy(inTree.copyId, inTree.slot))
    await vi.waitFor(async () => expect(await filesUnder(data.path('tree'))).toEqual([]))
    await expect(store.restoreCopy(kept)).rejects.toMatchObject({ name: 'COPY_MISMATCH' })
    await store.discardCopy(kept)
    const uploads = [store1(store, bytesOf('while it is deleted'))]
    await vi.waitFor(async () => expect(await filesUnder(data.path('tree'))).toHaveLength(1))
    open()
    expect(await Promise.all(deletes)).toEqual([true, true])
    uploads.push(store1(store, bytesOf('after it')), store1(store, bytesOf('and again')))
    expect((await Promise.all(uploads)).map(({ slot }) => slot).sort()).toEqual([0, 1, 2])
  })

  it('moves no copy to the quarantine after a sync of it has failed: a second sync that passes proves nothing', async () => {
    const disk: DiskCalls = { ...realDisk }
    const store = await data.open({ disk })
    const copy = await store1(store, bytesOf('copy'))
    disk.syncPath = async () => {
      throw errno('EIO')
    }
    await expect(store.quarantineCopy(named(copy))).rejects.toMatchObject({ name: 'DISK_FAILED' })
    disk.syncPath = realDisk.syncPath
    await expect(store.quarantineCopy(named(copy))).rejects.toMatchObject({ name: 'DISK_FAILED' })
    expect(await listAll(store)).toEqual({ tree: [named(copy)], quarantine: [] })
  })

  it('answers a repeated delete only when the first one is durable', async () => {
    const disk: DiskCalls = { ...realDisk }
    const store = await data.open({ disk })
    const copy = await store1(store, bytesOf('copy'))
    const { open, held } = holdSyncs(disk)
    // They are asked for at the same time, so that the second waits for the leaf before the first has noted anything.
    const deletes = [1, 2].map(() => store.deleteCopy(copy.copyId, copy.slot))
    let answeredCount = 0
    for (const one of deletes) one.then(() => answeredCount++)
    await held()
    for (let turn = 0; turn < 10; turn++) await listAll(store)
    expect(answeredCount).toBe(0)
    open()
    expect(await Promise.all(deletes)).toEqual([true, false])
  })

  it('refuses a copy that the tree has no room for, leaves nothing, and does not bring it back', async () => {
    const disk: DiskCalls = { ...realDisk }
    const store = await data.open({ disk })
    const kept = await store1(store, bytesOf('kept'))
    disk.createFile = async (path, bytes) => {
      await realDisk.createFile(path, bytes.subarray(0, 2))
      throw errno('ENOSPC')
    }
    await expect(store1(store, bytesOf('refused'))).rejects.toMatchObject({ name: 'DISK_FULL' })
    disk.createFile = realDisk.createFile
    expect((await listAll(store)).tree).toEqual([named(kept)])
    expect(store.status()).toMatchObject({ copyCount: 1, isWritable: true })
    const after = await data.copyTo('crashed')
    expect((await listAll(await data.open({ dataDirectory: after }))).tree).toEqual([named(kept)])
    expect((await store1(store, bytesOf('next'))).slot).toBe(1)
  })

  it('refuses bytes of another digest than expected, and a copyId that is being written', async () => {
    const store = await data.open()
    const wrong = store.storeCopy(newCopyId(), bytesOf('abc'), digestOf(bytesOf('abd')))
    await expect(wrong).rejects.toMatchObject({ name: 'DIGEST_MISMATCH' })
    const copyId = newCopyId()
    const twice = await Promise.allSettled([1, 2].map(() => store.storeCopy(copyId, bytesOf('abc'), null)))
    expect(twice.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await filesUnder(data.path('tree'))).toHaveLength(1)
  })

  it.each(['writeJournal', 'syncJournal'] as const)(
    'that fails at its k-th %s acknowledges nothing more, and a restart has all that was',
    async (call) => {
      for (const code of ['EIO', 'ENOSPC']) {
        for (let nth = 1; nth <= 6; nth++) {
          const directory = data.path(`${code}-${nth}`)
          const disk: DiskCalls = { ...realDisk }
          const store = await data.open({ disk, dataDirectory: directory })
          let count = 0
          const failing = <Args extends unknown[], T>(real: (...args: Args) => Promise<T>) => {
            return async (...args: Args): Promise<T> => {
              if (++count >= nth) throw errno(code)
              return real(...args)
            }
          }
          if (call === 'writeJournal') disk.writeJournal = failing(realDisk.writeJournal)
          else disk.syncJournal = failing(realDisk.syncJournal)
          const acked: StoredCopy[] = []
          for (let round = 0; round < 8; round++) {
            const outcomes = await Promise.allSettled([1, 2, 3].map(() => store1(store, randomBytes(100))))
            for (const outcome of outcomes) {
              if (outcome.status === 'fulfilled') acked.push(outcome.value)
              else expect(outcome.reason).toMatchObject({ name: 'DISK_FAILED' })
            }
          }
          expect(acked).toHaveLength(3 * (nth - 1))
          await expect(store.failed).rejects.toThrow('the journal failed')
          expect(store.status().isWritable).toBe(false)
          await store.close()
          const again = await data.open({ dataDirectory: directory })
          for (const copy of acked) expect(digestOf(await get(again, copy))).toBe(copy.sha256)
          await again.close()
        }
      }
    },
  )

  it('turned off leaves no segments, once what they held has been replayed', async () => {
    const first = await data.open()
    const copy = await store1(first, bytesOf('abc'))
    const crashed = await data.copyTo('crashed')
    await unlink(`${crashed}/tree/${copyPath(copy)}`)
    const off = await data.open({ dataDirectory: crashed, journal: { maxCopyBytes: 0, segmentBytes: 0 } })
    expect((await get(off, copy)).toString()).toBe('abc')
    expect(await filesUnder(`${crashed}/journal`)).toEqual([])
    const { calls, disk } = recordingDisk(() => crashed)
    await off.close()
    const store = await data.open({ dataDirectory: crashed, disk, journal: { maxCopyBytes: 0, segmentBytes: 0 } })
    await store1(store, bytesOf('direct'))
    expect(calls.filter((call) => call.endsWith('Journal'))).toEqual([])
  })

  it('of an unknown format ends the start in a sentence and stays as it is', async () => {
    await (await data.open()).close()
    const [bytes] = await segmentBytes()
    bytes?.writeUInt32BE(9, 8)
    await writeFile(data.path('journal/a.segment'), bytes ?? '')
    await expect(data.open()).rejects.toThrow('a.segment says format 9, and this version reads format 2')
    expect((await stat(data.path('journal/a.segment'))).size).toBe(bytes?.length)
    await rename(data.path('journal/a.segment'), data.path('a.segment'))
    expect((await store1(await data.open(), bytesOf('abc'))).slot).toBe(0)
  })
})
