import { StoreError } from '@holdfast/shared/errors/store-error'
import { INLINE_MAX_BYTES, PART_BYTES } from '@holdfast/shared/limits'

/** This share of the limit is kept for small files, so that clients which take nothing of large ones never block those. */
const SMALL_FILES_SHARE = 1 / 8

/** A download may hold this while it lasts. */
export interface MemoryShare extends Disposable {
  /** Tells whether two parts fit, so that the next one may be fetched while this one is on its way to the client. */
  readonly isAhead: boolean
}

/** Bounds the memory of all downloads together, since a part is held whole until it is verified and its client has taken it. */
export class DownloadMemory {
  readonly limitBytes: number
  #usedBytes = 0

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** @param sizeBytes how many bytes the download reads. @throws OVERLOADED where not even one part of it fits */
  take(sizeBytes: number): MemoryShare {
    const isSmall = sizeBytes <= INLINE_MAX_BYTES
    const freeBytes = this.limitBytes * (isSmall ? 1 : 1 - SMALL_FILES_SHARE) - this.#usedBytes
    const wished = Math.min(sizeBytes, 2 * PART_BYTES)
    const least = Math.min(sizeBytes, PART_BYTES)
    if (least > freeBytes) throw new StoreError('OVERLOADED')
    const takenBytes = wished <= freeBytes ? wished : least
    this.#usedBytes += takenBytes
    return {
      isAhead: takenBytes > PART_BYTES,
      [Symbol.dispose]: () => {
        this.#usedBytes -= takenBytes
      },
    }
  }
}
