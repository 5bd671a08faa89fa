import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileServerRegistry } from '../../chunks/registry.ts'

export interface UploadGateDeps {
  readonly registry: FileServerRegistry
  /** It is false while the database is away. */
  readonly isDatabaseAvailable: () => boolean
  readonly maxUploads: number
}

/** Lets uploads in, of all interfaces together, and refuses before a body is read whatever can be refused then. */
export class UploadGate {
  readonly #deps: UploadGateDeps
  #underWay = 0

  constructor(deps: UploadGateDeps) {
    this.#deps = deps
  }

  /**
   * @returns the upload's place among those under way, to be disposed of at its end. @throws OVERLOADED, SERVERS_UNAVAILABLE,
   * INSUFFICIENT_STORAGE, DATABASE_UNAVAILABLE
   */
  admit(): Disposable {
    const { registry, isDatabaseAvailable, maxUploads } = this.#deps
    if (this.#underWay >= maxUploads) throw new StoreError('OVERLOADED')
    const { readiness } = registry
    if (readiness === 'unavailable') throw new StoreError('SERVERS_UNAVAILABLE')
    if (readiness === 'full') throw new StoreError('INSUFFICIENT_STORAGE')
    if (!isDatabaseAvailable()) throw new StoreError('DATABASE_UNAVAILABLE')
    this.#underWay++
    return {
      [Symbol.dispose]: () => {
        this.#underWay--
      },
    }
  }
}
