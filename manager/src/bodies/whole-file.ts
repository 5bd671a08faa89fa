import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { Encoding } from '@holdfast/shared/wire/shapes'
import type { BodyEvent, BodyScanner } from './formats/body-scanner.ts'
import { IncomingBytes } from './incoming-bytes.ts'
import type { IncomingFile } from './incoming-file.ts'

/** Scans a body that is all there. @throws StoreError, as `IncomingFile` does */
export function wholeFileOf(body: Buffer, scanner: BodyScanner): IncomingFile {
  return new WholeScan([...scanner.push(body), ...scanner.end()]).file()
}

/** Gathers what a scanner says of a whole body. */
class WholeScan {
  #encoding: Encoding | null = null
  #name: FileName | null = null
  #earlyName: FileName | null = null
  readonly #bytes: Buffer[] = []

  constructor(events: readonly BodyEvent[]) {
    for (const event of events) {
      switch (event.kind) {
        case 'name':
          this.#name = event.name
          break
        case 'file':
          this.#encoding = event.encoding
          this.#earlyName = this.#name
          break
        case 'bytes':
          this.#bytes.push(event.bytes)
          break
        case 'file-end':
          break
        default:
          event satisfies never
      }
    }
  }

  file(): IncomingFile {
    const [encoding, name, earlyName] = [this.#encoding, this.#name, this.#earlyName]
    if (encoding === null || name === null)
      throw new StoreError('INTERNAL', 'a scanner found no file and did not say so')
    const [first] = this.#bytes
    const bytes = this.#bytes.length === 1 && first !== undefined ? first : Buffer.concat(this.#bytes)
    return { earlyName, bytes: IncomingBytes.whole(encoding, bytes), finish: () => Promise.resolve(name) }
  }
}
