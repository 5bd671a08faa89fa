import type { IncomingMessage } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { Encoding } from '@holdfast/shared/wire/shapes'
import type { BodyEvent, BodyScanner } from './body-scanner.ts'
import { IncomingBytes } from './incoming-bytes.ts'
import type { IncomingFile } from './incoming-file.ts'
import { type RequestBytesOptions, readRequestBytes, takeArrived } from './request-bytes.ts'

/** Scans a body that is all there. @throws StoreError, as `IncomingFile` does */
export function wholeFileOf(body: Buffer, scanner: BodyScanner): IncomingFile {
  return new WholeScan([...scanner.push(body), ...scanner.end()]).file()
}

/** Reads a body that announced `length` bytes in one go. @throws REQUEST_TIMEOUT, CANCELLED */
export async function readWhole(
  request: IncomingMessage,
  length: number,
  options: RequestBytesOptions,
): Promise<Buffer> {
  const whole = await takeArrived(request, length, options)
  if (whole !== null) return whole
  const chunks: Buffer[] = []
  let readBytes = 0
  for await (const chunk of readRequestBytes(request, options)) {
    chunks.push(chunk)
    readBytes += chunk.length
    if (readBytes >= length) break
  }
  const [first] = chunks
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, readBytes)
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
