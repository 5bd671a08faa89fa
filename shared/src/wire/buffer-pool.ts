import { PART_BYTES } from '../limits.ts'

/** At most so many bytes wait for their next use, unless the pool is told otherwise. */
const KEPT_BYTES = 16 * 1024 * 1024

/** Whoever has the buffer owns its memory. */
export interface PooledBuffer {
  readonly bytes: Buffer
  /**
   * Ends the ownership: neither the owner nor anything that it lent the memory to may use it after this call. A buffer that
   * is not given back is collected like any other.
   */
  readonly giveBack: () => void
}

/**
 * Keeps memory of one size for its next use. V8 does not count such memory as it counts objects: it lets 100 MiB and more
 * of it pile up before it collects what has outlived a few requests, and then marks its whole heap, which is an eighth of
 * what a large download costs.
 */
export class BufferPool {
  readonly #sizeBytes: number
  readonly #keptBytes: number
  readonly #free: Buffer[] = []

  /**
   * @param sizeBytes is the size of a buffer, that of a whole part unless given
   * @param keptBytes wait for their next use at most
   */
  constructor(sizeBytes: number = PART_BYTES, keptBytes: number = KEPT_BYTES) {
    this.#sizeBytes = sizeBytes
    this.#keptBytes = keptBytes
  }

  /** A buffer that is not a whole one gets memory of just its length, for that is what its user was granted. */
  take(length: number = this.#sizeBytes): PooledBuffer {
    if (length < this.#sizeBytes) return { bytes: Buffer.allocUnsafeSlow(length), giveBack: () => undefined }
    const bytes = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#sizeBytes)
    let isMine = true
    return {
      bytes,
      giveBack: () => {
        if (isMine && (this.#free.length + 1) * this.#sizeBytes <= this.#keptBytes) this.#free.push(bytes)
        isMine = false
      },
    }
  }
}
