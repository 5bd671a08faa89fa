import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import { array, assert, asyncProperty, constantFrom, integer, nat, record } from 'fast-check'
import { expect, it } from 'vitest'
import { newCopyId } from '../../../../shared/test/new-copy-id.ts'
import { countOf } from '../../../../test/full-run.ts'
import { openStore } from '../../../src/store/open-store.ts'
import type { Store } from '../../../src/store/store.ts'
import { digestOf, named } from '../new-copies.ts'
import { PowerCutDisk } from '../power-cut-disk.ts'
import { inventoryDone, listAll, quietLog, walkDirectories } from '../store-fixture.ts'

type Kind = 'small' | 'large' | 'delete' | 'quarantine' | 'restore' | 'discard'
const JOURNAL = { maxCopyBytes: 4_096, segmentBytes: 64 * 1024 }

/** The choices follow from a seed, so that a failing run can be shrunk and replayed. */
function chooser(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
}

/** Keeps what was acknowledged, by copyId. Work that is under way when the power goes may end either way. */
class Model {
  readonly tree = new Map<string, NamedCopy>()
  readonly quarantine = new Map<string, NamedCopy>()
  readonly deleted = new Set<string>()
  readonly unsure = new Set<string>()

  async carryOut(store: Store, kind: Kind, choice: number): Promise<void> {
    if (kind === 'small' || kind === 'large') {
      // At this size a few rounds fill segments.
      const bytes = Buffer.alloc(kind === 'small' ? 2_000 + (choice % 2_000) : 5_000 + choice, choice % 251)
      const copy = await store.storeCopy(newCopyId(), bytes, null)
      this.tree.set(copy.copyId, named(copy))
      return
    }
    const from = kind === 'delete' || kind === 'quarantine' ? this.tree : this.quarantine
    const copies = [...from.values()].filter(({ copyId }) => !this.unsure.has(copyId))
    const copy = copies[choice % (copies.length || 1)]
    if (copy === undefined) return
    this.unsure.add(copy.copyId)
    if (kind === 'delete') await store.deleteCopy(copy.copyId, copy.slot)
    else if (kind === 'quarantine') await store.quarantineCopy(copy)
    else if (kind === 'restore') await store.restoreCopy(copy)
    else await store.discardCopy(copy)
    this.unsure.delete(copy.copyId)
    from.delete(copy.copyId)
    if (kind === 'delete') this.deleted.add(copy.copyId)
    if (kind === 'quarantine') this.quarantine.set(copy.copyId, copy)
    if (kind === 'restore') this.tree.set(copy.copyId, copy)
  }

  /** When the power goes, work under way may have come to anything, so the snapshot leaves it out. */
  snapshot(): Model {
    const model = new Model()
    const isSure = ([copyId]: [string, NamedCopy]): boolean => !this.unsure.has(copyId)
    for (const [copyId, copy] of [...this.tree].filter(isSure)) model.tree.set(copyId, copy)
    for (const [copyId, copy] of [...this.quarantine].filter(isSure)) model.quarantine.set(copyId, copy)
    for (const copyId of this.deleted) model.deleted.add(copyId)
    return model
  }

  async verify(store: Store, root: string): Promise<void> {
    await inventoryDone(store)
    const found = await listAll(store, 50)
    const slots = found.tree.map(({ slot }) => slot)
    expect(new Set(slots).size).toBe(slots.length)
    for (const copy of this.tree.values()) {
      expect(found.tree).toContainEqual(copy)
      await using reader = await store.openCopy(copy)
      const bytes = Buffer.alloc(reader.sizeBytes)
      await reader.read(0, bytes)
      expect(digestOf(bytes)).toBe(copy.sha256)
    }
    for (const copy of this.quarantine.values()) expect(found.quarantine).toContainEqual(copy)
    expect(found.tree.filter(({ copyId }) => this.deleted.has(copyId))).toEqual([])
    for (const { names } of await walkDirectories(join(root, 'tree'))) expect(names.length).toBeLessThanOrEqual(36)
  }
}

it('after a power cut at any moment holds what was acknowledged, whole, whatever the disk made of what was not synced', {
  timeout: 120_000,
}, async () => {
  const kinds = constantFrom<Kind>(
    'small',
    'small',
    'small',
    'small',
    'large',
    'delete',
    'delete',
    'quarantine',
    'restore',
    'discard',
  )
  const step = record({ kind: kinds, choice: nat(4_000), waits: integer({ min: 0, max: 3 }) })
  const round = record({
    steps: array(step, { minLength: 1, maxLength: 60, size: 'max' }),
    turns: nat(40),
    seed: nat(2 ** 31),
  })
  await assert(
    asyncProperty(array(round, { minLength: 1, maxLength: 4, size: 'max' }), async (rounds) => {
      const base = await mkdtemp(join(tmpdir(), 'holdfast-power-cut-'))
      let model = new Model()
      try {
        for (const [index, { steps, turns, seed }] of rounds.entries()) {
          const root = join(base, `${index}`)
          const disk = new PowerCutDisk(root)
          const options = { dataDirectory: root, minFreeBytes: 0, log: quietLog, disk: disk.calls, journal: JOURNAL }
          const store = await openStore(options)
          await model.verify(store, root)
          const running: Promise<void>[] = []
          for (const { kind, choice, waits } of steps) {
            running.push(model.carryOut(store, kind, choice))
            if (waits === 0) await Promise.all(running)
          }
          for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
          const left = model.snapshot()
          const returned = await disk.cut(join(base, `${index + 1}`), chooser(seed))
          // The disk itself may bring back what the journal has forgotten, which reconcile will find.
          for (const path of returned) left.deleted.delete(path.split('-').at(-2) ?? '')
          await Promise.all(running)
          await store.close()
          model = left
        }
        const root = join(base, `${rounds.length}`)
        const store = await openStore({ dataDirectory: root, minFreeBytes: 0, log: quietLog, journal: JOURNAL })
        await model.verify(store, root)
        await store.close()
      } finally {
        await rm(base, { recursive: true, force: true })
      }
    }),
    { numRuns: countOf(20, 5), interruptAfterTimeLimit: 40_000, markInterruptAsFailure: false },
  )
})
