import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { type CopyId, chunkNumberOf, type Digest, type PartKey, type Slot } from '@holdfast/shared/ids'
import { NO_TAGS } from '@holdfast/shared/node/part-digest'
import type { StoredCopy } from '@holdfast/shared/wire/shapes'
import type { DiskCalls } from '../disk/disk-calls.ts'
import type { DiskHealth } from '../disk/disk-health.ts'
import { NameNotDurableError } from '../disk/durable-write.ts'
import type { Reservation } from '../disk/room.ts'
import type { CopyWriter } from '../store.ts'
import type { Leaves } from './leaves.ts'
import { PartTagger } from './part-tagger.ts'
import { unfinishedPath } from './slot.ts'
import type { SlotChanges } from './slot-changes.ts'

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

interface WriterDeps {
  readonly copyId: CopyId
  /** The tags of its parts are made with this key, where they are wanted. */
  readonly partKey: PartKey | null
  /** The slot was taken for this copy; the writer keeps it or gives it back. */
  readonly slot: Slot
  readonly reservation: Reservation
  readonly leaves: Leaves
  readonly changes: SlotChanges
  readonly disk: DiskCalls
  readonly health: DiskHealth
  /** Is called once, when the copy is there or given up. */
  readonly onEnd: () => void
}

/** Writes one copy into `.part` in its slot's directory, then durably under its name. */
export class SlotWriter implements CopyWriter {
  readonly #deps: WriterDeps
  readonly #path: string
  readonly #file: FileHandle
  readonly #hash = createHash('sha256')
  readonly #tagger: PartTagger | null
  #sizeBytes = 0
  #ending: Promise<unknown> | null = null

  private constructor(deps: WriterDeps, path: string, file: FileHandle) {
    this.#deps = deps
    this.#path = path
    this.#file = file
    this.#tagger = deps.partKey === null ? null : new PartTagger(deps.partKey, chunkNumberOf(deps.copyId))
  }

  static async open(deps: WriterDeps): Promise<SlotWriter> {
    const path = deps.leaves.pathTo(unfinishedPath(deps.slot, deps.copyId))
    return new SlotWriter(deps, path, await open(path, CREATE, 0o600))
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#requireOpen()
    const position = this.#sizeBytes
    this.#sizeBytes += bytes.length
    try {
      await this.#deps.reservation.spend(bytes.length)
      const writing = this.#write(bytes, position)
      // The event loop hashes while a thread of the pool writes.
      this.#hash.update(bytes)
      this.#tagger?.update(bytes)
      await writing
    } catch (error) {
      const failure = this.#deps.health.report(error)
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
    this.#ending ??= this.#giveUp()
    await Promise.allSettled([this.#ending])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.abort()
  }

  async #write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const written = await this.#deps.disk.write(this.#file, bytes, done, position + done)
      // A full disk may show as a write of nothing, without an error.
      if (written === 0) throw new StoreError('DISK_FULL')
      done += written
    }
  }

  #requireOpen(): void {
    if (this.#ending !== null) throw new StoreError('INTERNAL', 'the copy is complete or was given up')
  }

  async #publish(expected: Digest | null): Promise<StoredCopy> {
    const { copyId, slot, changes, health, onEnd } = this.#deps
    const sizeBytes = this.#sizeBytes
    const partTags = this.#tagger?.finish() ?? NO_TAGS
    const sha256 = this.#hash.digest('hex') as Digest
    try {
      if (expected !== null && expected !== sha256) throw new StoreError('DIGEST_MISMATCH')
      await changes.putLarge({ copyId, slot, sha256 }, this.#file, this.#path, sizeBytes)
    } catch (error) {
      if (error instanceof NameNotDurableError) {
        onEnd()
        throw health.reportNotDurable(error)
      }
      const failure = health.report(error)
      await this.#giveUp()
      throw failure
    }
    onEnd()
    return { copyId, slot, sizeBytes, sha256, partTags }
  }

  async #giveUp(): Promise<void> {
    const { copyId, slot, changes, onEnd } = this.#deps
    await changes.giveUp({ copyId, slot }, this.#file, this.#path)
    onEnd()
  }
}
