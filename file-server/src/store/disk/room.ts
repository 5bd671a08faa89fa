import { StoreError } from '@holdfast/shared/errors/store-error'
import type { DiskRoom } from './disk-calls.ts'

/** After this time the file system is asked again; meanwhile our own writes are counted. */
const FRESH_MS = 1_000

/** A copy needs an inode, and sometimes five more for directories. */
const MIN_FREE_INODES = 1_000

interface RoomOptions {
  readonly minFreeBytes: number
  readonly read: () => Promise<DiskRoom>
  /** Gives monotonic milliseconds. */
  readonly nowMs: () => number
}

/** Counts how much may still be written: what is free, less what running uploads were promised, less what stays free. */
export class Room {
  readonly #options: RoomOptions
  #last: DiskRoom = { freeBytes: 0, totalBytes: 0, freeInodes: null }
  #readAtMs = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | null = null
  #spentBytes = 0
  #promisedBytes = 0

  constructor(options: RoomOptions) {
    this.#options = options
  }

  get freeBytes(): number {
    const { minFreeBytes } = this.#options
    return Math.max(0, this.#last.freeBytes - this.#spentBytes - this.#promisedBytes - minFreeBytes)
  }

  get totalBytes(): number {
    return this.#last.totalBytes
  }

  get isNearlyFull(): boolean {
    const { freeInodes } = this.#last
    return this.freeBytes === 0 || (freeInodes !== null && freeInodes < MIN_FREE_INODES)
  }

  async refresh(): Promise<void> {
    if (this.#options.nowMs() - this.#readAtMs < FRESH_MS) return
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null
    })
    await this.#reading
  }

  /** Sets room aside for an upload. @throws DISK_FULL */
  async reserve(sizeBytes: number | null): Promise<Reservation> {
    await this.refresh()
    if (this.isNearlyFull || (sizeBytes ?? 0) > this.freeBytes) throw new StoreError('DISK_FULL')
    this.#promisedBytes += sizeBytes ?? 0
    let leftBytes = sizeBytes ?? 0
    const takeFromPromise = (bytes: number): void => {
      leftBytes -= bytes
      this.#promisedBytes -= bytes
    }
    return {
      spend: async (bytes) => {
        if (bytes > leftBytes) {
          await this.refresh()
          if (bytes - leftBytes > this.freeBytes) throw new StoreError('DISK_FULL')
        }
        takeFromPromise(Math.min(bytes, leftBytes))
        this.#spentBytes += bytes
      },
      release: () => takeFromPromise(leftBytes),
    }
  }

  /** Spends bytes that are written at once. @returns false where `spend` has to look at the disk first. */
  spendAtOnce(bytes: number): boolean {
    if (this.#options.nowMs() - this.#readAtMs >= FRESH_MS || this.isNearlyFull || bytes > this.freeBytes) return false
    this.#spentBytes += bytes
    return true
  }

  /** @throws DISK_FULL */
  async spend(bytes: number): Promise<void> {
    const reservation = await this.reserve(bytes)
    await reservation.spend(bytes)
  }

  async #read(): Promise<void> {
    const spentBefore = this.#spentBytes
    this.#last = await this.#options.read()
    this.#readAtMs = this.#options.nowMs()
    this.#spentBytes -= spentBefore
  }
}

export interface Reservation {
  /** Has to pass before the bytes are written. Beyond what was promised the room is checked again. @throws DISK_FULL */
  spend(bytes: number): Promise<void>
  /** Gives back what was promised and not spent. May be called again. */
  release(): void
}
