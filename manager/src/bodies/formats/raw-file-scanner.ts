import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { BodyEvent, BodyScanner } from './body-scanner.ts'

/** Takes a whole body for the file, under a name that came with the request's target or headers. */
export class RawFileScanner implements BodyScanner {
  readonly #maxFileBytes: number
  #beginning: readonly BodyEvent[]
  #fileBytes = 0

  constructor(name: FileName, maxFileBytes: number) {
    this.#maxFileBytes = maxFileBytes
    this.#beginning = [
      { kind: 'name', name },
      { kind: 'file', encoding: 'binary' },
    ]
  }

  /** @throws TOO_LARGE */
  push(bytes: Buffer): readonly BodyEvent[] {
    this.#fileBytes += bytes.length
    if (this.#fileBytes > this.#maxFileBytes) throw new StoreError('TOO_LARGE')
    const beginning = this.#takeBeginning()
    return bytes.length === 0 ? beginning : [...beginning, { kind: 'bytes', bytes }]
  }

  end(): readonly BodyEvent[] {
    return [...this.#takeBeginning(), { kind: 'file-end' }]
  }

  #takeBeginning(): readonly BodyEvent[] {
    const beginning = this.#beginning
    this.#beginning = []
    return beginning
  }
}
