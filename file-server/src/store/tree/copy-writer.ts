import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { CopyId, Digest, PartKey, Slot } from '@holdfast/shared/ids'
import type { Logger } from '@holdfast/shared/node/logger'
import { NO_TAGS } from '@holdfast/shared/node/part-digest'
import type { StoredCopy } from '@holdfast/shared/wire/events'
import type { DiskCalls } from '../disk/disk-calls.ts'
import type { DiskHealth } from '../disk/disk-health.ts'
import { type DurableWrite, NameNotDurableError } from '../disk/durable-write.ts'
import type { Reservation } from '../disk/room.ts'
import type { Journal } from '../journal/journal.ts'
import { PartTagger } from './part-tagger.ts'
import type { CopyWriter } from '../store.ts'
import type { CopyTree } from './leaves.ts'
import { copyPath, partPath } from './slot.ts'

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

interface WriterNeeds {
  readonly copyId: CopyId
  /** For tags of its parts, where they are wanted. */
  readonly partKey: PartKey | null
  /** Taken for this copy; the writer keeps it or gives it back. */
  readonly slot: Slot
  readonly reservation: Reservation
  readonly tree: CopyTree
  readonly disk: DiskCalls
  readonly durable: DurableWrite
  readonly journal: Journal | null
  readonly health: DiskHealth
  readonly log: Logger
  readonly onEnd: () => void
}

/** Writes one copy: into `.part` in its slot's directory, then durably under its name. */
export class SlotWriter implements CopyWriter {
  readonly #needs: WriterNeeds
  readonly #path: string
  readonly #file: FileHandle
  readonly #tagger: PartTagger | null
  readonly #hash = createHash('sha256')
  #sizeBytes = 0
  #ending: Promise<unknown> | null = null

  private constructor(needs: WriterNeeds, path: string, file: FileHandle) {
    this.#needs = needs
    this.#path = path
    this.#tagger = needs.partKey === null ? null : new PartTagger(needs.partKey)
    this.#file = file
  }

  static async open(needs: WriterNeeds): Promise<SlotWriter> {
    const path = needs.tree.pathTo(partPath(needs.slot, needs.copyId))
    return new SlotWriter(needs, path, await open(path, CREATE, 0o600))
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#requireOpen()
    const position = this.#sizeBytes
    this.#sizeBytes += bytes.length
    try {
      await this.#needs.reservation.spend(bytes.length)
      const writing = this.#write(bytes, position)
      // The event loop hashes while a thread of the pool writes.
      this.#hash.update(bytes)
      this.#tagger?.update(bytes)
      await writing
    } catch (error) {
      const failure = this.#needs.health.report(error)
      await this.abort()
      throw failure
    }
  }

  async commit(sha256: Digest | null): Promise<StoredCopy> {
    this.#requireOpen()
    const work = this.#publish(sha256)
    this.#ending = work
    return work
  }

  /** Leaves nothing behind. After a `commit` has begun it only waits for its end. */
  async abort(): Promise<void> {
    this.#ending ??= this.#drop()
    await Promise.allSettled([this.#ending])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.abort()
  }

  async #write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const written = await this.#needs.disk.write(this.#file, bytes, done, position + done)
      // A full disk may show as a write of nothing, without an error.
      if (written === 0) throw new StoreError('DISK_FULL')
      done += written
    }
  }

  #requireOpen(): void {
    if (this.#ending !== null) throw new StoreError('INTERNAL', 'the copy is complete or was given up')
  }

  async #publish(expected: Digest | null): Promise<StoredCopy> {
    const { copyId, slot, tree, durable, journal, health } = this.#needs
    const sizeBytes = this.#sizeBytes
    const partTags = this.#tagger?.finish() ?? NO_TAGS
    const sha256 = this.#hash.digest('hex') as Digest
    if (expected !== null && expected !== sha256) {
      await this.#drop()
      throw new StoreError('DIGEST_MISMATCH')
    }
    const copy = { copyId, slot, sha256 }
    try {
      // Durable before the name is: a replay must not put into the slot what it held earlier.
      if (journal?.mentions(slot)) await journal.note('settled', copy)
      await durable.publish(this.#file, this.#path, tree.pathTo(copyPath(copy)))
    } catch (error) {
      if (!(error instanceof NameNotDurableError)) {
        const failure = health.report(error)
        await this.#drop()
        throw failure
      }
      // It stays as a copy that nobody was told of: the bytes may be wanted, and reconcile finds them.
      this.#settle(sizeBytes)
      throw health.reportNotDurable(error)
    }
    this.#settle(sizeBytes)
    return { copyId, slot, sizeBytes, sha256, partTags }
  }

  #settle(sizeBytes: number): void {
    const { tree, slot, reservation, onEnd } = this.#needs
    tree.count(1, sizeBytes)
    tree.slots.keep(slot)
    reservation.release()
    onEnd()
  }

  async #drop(): Promise<void> {
    const { tree, slot, reservation, onEnd } = this.#needs
    if (await this.#removePart()) await tree.slots.giveBack(slot)
    // Whether the slot is empty is not known, so it is not handed out before the next start has looked.
    else tree.slots.keep(slot)
    reservation.release()
    onEnd()
  }

  async #removePart(): Promise<boolean> {
    const { copyId, slot, log } = this.#needs
    const [closed, removed] = await Promise.allSettled([this.#file.close(), unlink(this.#path)])
    for (const step of [closed, removed]) {
      if (step.status === 'rejected')
        log.warn({ err: step.reason, copyId, slot }, 'an unfinished copy was not cleanly removed')
    }
    return removed.status === 'fulfilled'
  }
}
