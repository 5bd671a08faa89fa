import {
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Slot } from '@holdfast/shared/ids'
import type { StoredCopy } from '@holdfast/shared/wire/shapes'
import { describe, expect, it } from 'vitest'
import { newCopyId } from '../../../../shared/test/new-copy-id.ts'
import type { DiskCalls } from '../../../src/store/disk/disk-calls.ts'
import { copyPath } from '../../../src/store/tree/slot.ts'
import { digestOf, get, named } from '../new-copies.ts'
import { errno, realDisk } from '../recording-disk.ts'
import { filesUnder, listAll, useDataDirectory, walkDirectories } from '../store-fixture.ts'

const data = useDataDirectory()
const bytesOf = (text: string): Buffer => Buffer.from(text)

/** Any of these may have become of a file that was not synced when the power went. */
const damages: Record<string, (path: string) => Promise<void>> = {
  whole: async () => undefined,
  missing: (path) => unlink(path),
  empty: (path) => truncate(path, 0),
  short: (path) => truncate(path, 2),
  longer: (path) => writeFile(path, 'and more', { flag: 'a' }),
  changed: async (path) => writeFile(path, Buffer.alloc((await readFile(path)).length, 1)),
  'a symlink': async (path) => {
    await unlink(path)
    await symlink('/etc/hostname', path)
  },
  'missing with its directories': (path) => rm(dirname(dirname(path)), { recursive: true, force: true }),
}
const kinds = Object.keys(damages)

describe('a replay', () => {
  it('writes again what is missing or different, in every combination, and touches nothing else', async () => {
    const store = await data.open()
    const copies: StoredCopy[] = []
    for (let count = 0; count < kinds.length; count++)
      copies.push(await store.storeCopy(newCopyId(), bytesOf(`copy number ${count}`), null))
    for (let round = 0; round < kinds.length; round++) {
      const directory = await data.copyTo(`crashed ${round}`)
      // Whole directories come last, so that the others have something to damage.
      const order = copies
        .map((copy, index) => ({ copy, kind: kinds[(index + round) % kinds.length] ?? '' }))
        .sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind))
      for (const { copy, kind } of order) await damages[kind]?.(`${directory}/tree/${copyPath(copy)}`)
      const again = await data.open({ dataDirectory: directory })
      for (const [index, copy] of copies.entries())
        expect((await get(again, copy)).toString()).toBe(`copy number ${index}`)
      expect((await listAll(again)).tree).toEqual(copies.map(named))
      await again.close()
    }
  })

  it('removes what was deleted, and keeps what came into the slot after it, small or large', async () => {
    const store = await data.open()
    const first = await store.storeCopy(newCopyId(), bytesOf('first'), null)
    const stays = await store.storeCopy(newCopyId(), bytesOf('stays'), null)
    const before = await data.copyTo('before')
    for (const size of [10, 300_000]) {
      const old = size === 10 ? first : { ...first, ...(await listAll(store)).tree[0] }
      expect(await store.deleteCopy(old.copyId, old.slot)).toBe(true)
      const next = await store.storeCopy(newCopyId(), Buffer.alloc(size, 7), null)
      expect(next.slot).toBe(first.slot)
      const directory = await data.copyTo(`crashed ${size}`)
      // The unlink was not synced, so the power cut brings the file back.
      await writeFile(`${directory}/tree/${copyPath(first)}`, await readFile(`${before}/tree/${copyPath(first)}`))
      const again = await data.open({ dataDirectory: directory })
      expect(await listAll(again)).toEqual({ tree: [named(next), named(stays)], quarantine: [] })
      expect(digestOf(await get(again, next))).toBe(next.sha256)
      await again.close()
    }
  })

  it('does not bring back a copy that is in the quarantine or discarded, nor take away one that was put back', async () => {
    const store = await data.open()
    const [kept, moved, discarded, restored] = await Promise.all(
      ['kept', 'moved', 'discarded', 'restored'].map((text) => store.storeCopy(newCopyId(), bytesOf(text), null)),
    )
    if (!kept || !moved || !discarded || !restored) throw new Error('nothing was stored')
    for (const copy of [moved, discarded, restored]) await store.quarantineCopy(named(copy))
    await store.discardCopy(named(discarded))
    await store.restoreCopy(named(restored))
    const again = await data.open({ dataDirectory: await data.copyTo('crashed') })
    const { tree, quarantine } = await listAll(again)
    expect(new Set(tree.map(({ copyId }) => copyId))).toEqual(new Set([kept.copyId, restored.copyId]))
    expect(quarantine).toEqual([named(moved)])
    expect((await get(again, restored)).toString()).toBe('restored')
    await again.restoreCopy(named(moved))
    expect((await get(again, moved)).toString()).toBe('moved')
  })

  it('sends a copy of an earlier run that a power cut brought back into the slot to the quarantine', async () => {
    const store = await data.open()
    const copies = []
    for (let count = 0; count < 36; count++) copies.push(await store.storeCopy(newCopyId(), bytesOf(`${count}`), null))
    const directory = await data.copyTo('crashed')
    const copy = copies[5]
    if (copy === undefined) throw new Error('nothing was stored')
    const older = { copyId: newCopyId(), slot: copy.slot, sha256: digestOf(bytesOf('older')) }
    await unlink(`${directory}/tree/${copyPath(copy)}`)
    await writeFile(`${directory}/tree/${copyPath(older)}`, 'older')
    const again = await data.open({ dataDirectory: directory })
    expect(await listAll(again)).toEqual({ tree: copies.map(named), quarantine: [older] })
    for (const { names } of await walkDirectories(`${directory}/tree`)) expect(names.length).toBeLessThanOrEqual(36)
  })

  it('sends it there also where the copy of the journal is whole, however new the other looks', async () => {
    const store = await data.open()
    const copy = await store.storeCopy(newCopyId(), bytesOf('abc'), null)
    const directory = await data.copyTo('crashed')
    const older = { copyId: newCopyId(), slot: copy.slot, sha256: digestOf(bytesOf('older')) }
    await writeFile(`${directory}/tree/${copyPath(older)}`, 'older')
    await utimes(`${directory}/tree/${copyPath(older)}`, 4_000_000_000, 4_000_000_000)
    const again = await data.open({ dataDirectory: directory })
    expect(await listAll(again)).toEqual({ tree: [named(copy)], quarantine: [older] })
  })

  it('leaves another copy in the slot alone where the journal is damaged', async () => {
    const store = await data.open()
    const copies = []
    for (let count = 0; count < 5; count++)
      copies.push(await store.storeCopy(newCopyId(), bytesOf(`copy ${count}`), null))
    const directory = await data.copyTo('crashed')
    const [first, second] = copies
    if (first === undefined || second === undefined) throw new Error('nothing was stored')
    const path = `${directory}/journal/a.segment`
    const segment = await readFile(path)
    segment.fill(0, segment.indexOf('copy 1') - 20, segment.indexOf('copy 1'))
    await writeFile(path, segment)
    const other = { copyId: newCopyId(), slot: first.slot, sha256: digestOf(bytesOf('other')) }
    await rename(`${directory}/tree/${copyPath(first)}`, `${directory}/gone`)
    await writeFile(`${directory}/tree/${copyPath(other)}`, 'other')
    const again = await data.open({ dataDirectory: directory })
    expect(await listAll(again)).toEqual({ tree: [other, ...copies.slice(1).map(named)], quarantine: [] })
    const names = await readdir(`${directory}/journal`)
    expect(names.filter((name) => name.endsWith('.segment')).sort()).toEqual(['a.segment', 'b.segment'])
    const kept = names.filter((name) => name.includes('.segment.damaged-'))
    expect(kept).toHaveLength(2)
    const keptFirst = kept.find((name) => name.startsWith('a.'))
    expect(await readFile(`${directory}/journal/${keptFirst}`)).toEqual(segment)
  })

  it('keeps the bytes of a copy whose end a damaged journal has lost, in the quarantine', async () => {
    const store = await data.open()
    const lost = await store.storeCopy(newCopyId(), bytesOf('lost end'), null)
    await store.deleteCopy(lost.copyId, lost.slot)
    const next = await store.storeCopy(newCopyId(), bytesOf('next'), null)
    expect(next.slot).toBe(lost.slot)
    const directory = await data.copyTo('crashed')
    const path = `${directory}/journal/a.segment`
    const segment = await readFile(path)
    const end = segment.indexOf('lost end') + 8
    await writeFile(path, segment.fill(0, end, end + 96))
    const again = await data.open({ dataDirectory: directory })
    expect(await listAll(again)).toEqual({ tree: [named(next)], quarantine: [named(lost)] })
    expect((await get(again, next)).toString()).toBe('next')
    const [kept = ''] = await filesUnder(`${directory}/quarantine`)
    expect((await readFile(kept)).toString()).toBe('lost end')
  })

  it('with a full disk ends the start in a sentence, and loses nothing', async () => {
    const store = await data.open()
    const copies = []
    for (let count = 0; count < 5; count++) copies.push(await store.storeCopy(newCopyId(), bytesOf(`${count}`), null))
    const directory = await data.copyTo('crashed')
    for (const copy of copies) await unlink(`${directory}/tree/${copyPath(copy)}`)
    let leftCount = 2
    const createFile: DiskCalls['createFile'] = async (path, bytes) => {
      if (leftCount-- > 0) return realDisk.createFile(path, bytes)
      await realDisk.createFile(path, bytes.subarray(0, 0))
      throw errno('ENOSPC')
    }
    const full = data.open({ dataDirectory: directory, disk: { ...realDisk, createFile } })
    await expect(full).rejects.toThrow(
      'has no room for what its journal holds: free some space and start again, nothing is lost',
    )
    const again = await data.open({ dataDirectory: directory })
    for (const [index, copy] of copies.entries()) expect((await get(again, copy)).toString()).toBe(`${index}`)
  })

  it('after a write-back that failed does not trust what is read: each copy is in a new file', async () => {
    const lost = new Map<string, number>()
    const failing: DiskCalls = {
      ...realDisk,
      syncPath: async (path) => {
        lost.set(path, (await stat(path)).size)
        throw errno('EIO')
      },
    }
    const store = await data.open({ disk: failing })
    const copies = await Promise.all(
      ['one', 'two', 'three'].map((text) => store.storeCopy(newCopyId(), bytesOf(text), null)),
    )
    await store.close()
    expect(lost.size).toBeGreaterThan(0)
    const disk: DiskCalls = {
      ...realDisk,
      createFile: async (path, bytes) => {
        await realDisk.createFile(path, bytes)
        lost.delete(path)
      },
    }
    await (await data.open({ disk })).close()
    // The page cache goes with the power.
    for (const path of lost.keys()) await truncate(path, 0)
    const again = await data.open()
    for (const copy of copies) expect(digestOf(await get(again, copy))).toBe(copy.sha256)
  })

  it('that was cut off is done again', async () => {
    const store = await data.open()
    const copy = await store.storeCopy(newCopyId(), bytesOf('abc'), null)
    const directory = await data.copyTo('crashed')
    await unlink(`${directory}/tree/${copyPath(copy)}`)
    const syncs = ['syncPath', 'syncDirectory', 'syncJournal'] as const
    for (const call of syncs) {
      const failing = async () => {
        throw errno('EIO')
      }
      await expect(data.open({ dataDirectory: directory, disk: { ...realDisk, [call]: failing } })).rejects.toThrow(
        'EIO',
      )
    }
    expect((await get(await data.open({ dataDirectory: directory }), copy)).toString()).toBe('abc')
  })

  it('does not write through a symlink in the place of a directory', async () => {
    const store = await data.open()
    await store.storeCopy(newCopyId(), bytesOf('abc'), null)
    const directory = await data.copyTo('crashed')
    await rm(`${directory}/tree/0`, { recursive: true })
    await mkdir(`${directory}-outside/0/0/0/0`, { recursive: true })
    await symlink(`${directory}-outside`, `${directory}/tree/0`)
    await expect(data.open({ dataDirectory: directory })).rejects.toThrow('tree/0')
    expect(await filesUnder(`${directory}-outside`)).toEqual([])
    await unlink(`${directory}/tree/0`)
    const again = await data.open({ dataDirectory: directory })
    expect((await listAll(again)).tree.map(({ slot }) => slot)).toEqual([0 as Slot])
  })
})
