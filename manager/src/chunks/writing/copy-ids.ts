import { randomBytes } from 'node:crypto'
import { COPY_RANDOM_DIGITS, type CopyId, type FileId, makeCopyId } from '@holdfast/shared/ids'

/** Random bytes are drawn for many ids at once, because a draw for each costs more than all else about an id. */
const DRAWN_BYTES = 4_096

/** Makes the names of copies, no two of them the same. */
export class CopyIds {
  #drawn = ''
  #used = 0

  /** @param number the chunk's place in its holder */
  next(fileId: FileId, number: number): CopyId {
    if (this.#used + COPY_RANDOM_DIGITS > this.#drawn.length) {
      this.#drawn = randomBytes(DRAWN_BYTES).toString('hex')
      this.#used = 0
    }
    this.#used += COPY_RANDOM_DIGITS
    return makeCopyId(fileId, number, this.#drawn.slice(this.#used - COPY_RANDOM_DIGITS, this.#used))
  }
}
