import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type CopyId, SLOT_RADIX, type Slot } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import type { CopyPage, NamedCopy } from '@holdfast/shared/wire/shapes'
import { Tally } from '../../tally.ts'
import type { DiskCalls } from '../disk/disk-calls.ts'
import { type DiskHealth, isErrno } from '../disk/disk-health.ts'
import { type DurableWrite, NameNotDurableError } from '../disk/durable-write.ts'
import { readNames } from '../tree/leaf-entries.ts'
import { withheldDigits } from '../tree/leaf-plan.ts'
import {
  ALL_DIGITS,
  LEAF_COUNT,
  LEAF_DEPTH,
  type Leaf,
  leafPath,
  parseQuarantineName,
  quarantinePath,
  slotAt,
} from '../tree/slot.ts'
import { SlotTree } from '../tree/slot-tree.ts'
import { walkTree } from '../tree/walk.ts'

interface QuarantinedCopy {
  /** The copy lies here in the quarantine. */
  readonly place: Slot
  /** The slot in it is the one that it came from. */
  readonly copy: NamedCopy
}

interface Options {
  readonly root: string
  readonly disk: DiskCalls
  readonly durable: DurableWrite
  readonly health: DiskHealth
  readonly log: Logger
}

/**
 * Keeps copies that may not be wanted, byte for byte, until they are put back or discarded. They are few, so all are in
 * memory.
 */
export class Quarantine {
  readonly #tree: SlotTree
  readonly #durable: DurableWrite
  readonly #health: DiskHealth
  readonly #log: Logger
  readonly #copies = new Map<CopyId, QuarantinedCopy>()
  /** Says how many copies came from a slot of the tree. */
  readonly #origins = new Tally<Slot>()
  readonly #loaded = new Set<Leaf>()

  private constructor({ root, disk, durable, health, log }: Options) {
    this.#durable = durable
    this.#health = health
    this.#log = log
    this.#tree = new SlotTree({ root, disk, durable, log, load: (leaf) => this.#load(leaf) })
  }

  static async open(options: Options): Promise<Quarantine> {
    const quarantine = new Quarantine(options)
    await quarantine.#loadAll()
    return quarantine
  }

  find(copyId: CopyId): QuarantinedCopy | undefined {
    return this.#copies.get(copyId)
  }

  /** @returns whether a copy that came from this slot of the tree may go back to it. */
  isOrigin(slot: Slot): boolean {
    return this.#origins.has(slot)
  }

  pathOf({ place, copy }: QuarantinedCopy): string {
    return join(this.#tree.root, quarantinePath(place, copy))
  }

  /** Moves a copy in, durably. @throws the errno of a rename that failed, DISK_FAILED where the move may not last. */
  async accept(from: string, copy: NamedCopy): Promise<void> {
    const known = this.#copies.get(copy.copyId)
    // After a crash between the two names of a move the same copy may be on both sides, where one of them is enough.
    if (known?.copy.sha256 === copy.sha256) return this.#move(from, this.pathOf(known))
    const place = await this.#tree.take('durable')
    try {
      await this.#move(from, this.pathOf({ place, copy }), () => this.#note({ place, copy }))
    } catch (error) {
      if (this.#copies.get(copy.copyId)?.place !== place) await this.#tree.giveBack(place)
      else this.#tree.keep(place)
      throw error
    }
    this.#tree.keep(place)
  }

  /** Moves a copy out, durably, to a path whose slot is held for it. */
  async release(copyId: CopyId, to: string): Promise<void> {
    const known = this.#copies.get(copyId)
    if (known === undefined) return
    await this.#move(this.pathOf(known), to, () => this.#forget(known))
    await this.#tree.vacate(known.place)
  }

  /** Syncs nothing, because a copy that comes back after a power cut is found by the next reconcile, like any other. */
  async discard(copyId: CopyId): Promise<void> {
    const known = this.#copies.get(copyId)
    if (known === undefined) return
    try {
      await unlink(this.pathOf(known))
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
    }
    this.#forget(known)
    await this.#tree.vacate(known.place)
  }

  list(from: Slot, limit: number): CopyPage {
    const rest = [...this.#copies.values()].filter(({ place }) => place >= from).sort((a, b) => a.place - b.place)
    const next = rest[limit]
    return {
      where: 'quarantine',
      copies: rest.slice(0, limit).map(({ copy }) => copy),
      next: next === undefined ? null : { where: 'quarantine', slot: next.place },
    }
  }

  #note(known: QuarantinedCopy): void {
    const { copyId, slot } = known.copy
    const before = this.#copies.get(copyId)
    if (before !== undefined) this.#forget(before)
    this.#copies.set(copyId, known)
    this.#origins.add(slot)
  }

  #forget({ copy }: QuarantinedCopy): void {
    this.#copies.delete(copy.copyId)
    this.#origins.remove(copy.slot)
  }

  async #move(from: string, to: string, onNamed: () => void = () => undefined): Promise<void> {
    try {
      await this.#durable.move(from, to)
    } catch (error) {
      if (!(error instanceof NameNotDurableError)) throw error
      onNamed()
      throw this.#health.reportNotDurable(error)
    }
    onNamed()
  }

  async #loadAll(): Promise<void> {
    let end = 0
    for await (const event of walkTree(this.#tree.root, 0 as Leaf)) {
      if (event.kind === 'empty') await this.#tree.directories.prune(event.depth, event.prefix)
      if (event.kind === 'foreign') this.#log.warn({ path: event.path }, 'a foreign entry in the tree is left alone')
      if (event.kind !== 'leaf') continue
      this.#tree.free.addUnopened(end as Leaf, event.leaf)
      await this.#load(event.leaf)
      end = event.leaf + 1
    }
    this.#tree.free.addUnopened(end as Leaf, LEAF_COUNT)
  }

  async #load(leaf: Leaf): Promise<void> {
    if (this.#loaded.has(leaf)) return
    const names = await readNames(join(this.#tree.root, leafPath(leaf)))
    if (this.#loaded.has(leaf)) return
    this.#loaded.add(leaf)
    const taken = new Set<number>()
    const foreign: string[] = []
    for (const name of names) {
      const parsed = parseQuarantineName(name)
      if (parsed === null) foreign.push(name)
      else {
        taken.add(parsed.digit)
        this.#note({ place: slotAt(leaf, parsed.digit), copy: parsed.copy })
      }
    }
    for (const name of foreign)
      this.#log.warn({ path: join(leafPath(leaf), name) }, 'a foreign entry in the quarantine is left alone')
    const withheld = withheldDigits(foreign, taken)
    const free = ALL_DIGITS.filter((digit) => !taken.has(digit) && !withheld.has(digit))
    for (const digit of free) this.#tree.free.add(slotAt(leaf, digit))
    if (free.length === SLOT_RADIX && names.length === 0) await this.#tree.directories.prune(LEAF_DEPTH, leaf)
  }
}
