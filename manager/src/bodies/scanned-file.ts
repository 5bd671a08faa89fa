import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { Encoding } from '@holdfast/shared/wire/shapes'
import type { BodyEvent, BodyScanner } from './body-scanner.ts'
import { IncomingBytes } from './incoming-bytes.ts'
import type { IncomingFile } from './incoming-file.ts'

/** Reads up to where the file begins. @throws StoreError, as `IncomingFile` does */
export async function openScannedFile(source: AsyncGenerator<Buffer>, scanner: BodyScanner): Promise<IncomingFile> {
  const body = new ScannedBody(source, scanner)
  for (let event = await body.next(); event !== null; event = await body.next()) {
    if (event.kind === 'file') return new ScannedFile(body, event.encoding)
  }
  throw new StoreError('INTERNAL', 'a scanner found no file and did not say so')
}

class ScannedFile implements IncomingFile {
  readonly earlyName: FileName | null
  readonly bytes: IncomingBytes
  readonly #body: ScannedBody
  #isRead = false

  constructor(body: ScannedBody, encoding: Encoding) {
    this.#body = body
    this.earlyName = body.name
    this.bytes = new IncomingBytes(encoding, this.#readBytes())
  }

  async *#readBytes(): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (let event = await this.#body.next(); event !== null; event = await this.#body.next()) {
        if (event.kind === 'bytes') yield event.bytes
        if (event.kind === 'file-end') {
          this.#isRead = true
          return
        }
      }
      throw new StoreError('INTERNAL', 'a scanner found no end of the file and did not say so')
    } finally {
      if (!this.#isRead) await this.#body.close()
    }
  }

  async finish(): Promise<FileName> {
    if (!this.#isRead) throw new StoreError('INTERNAL', 'finish() before the bytes were read')
    while ((await this.#body.next()) !== null) {
      // The scanner judges what follows the file, and only the name in it matters here.
    }
    if (this.#body.name === null) throw new StoreError('INTERNAL', 'a scanner found no name and did not say so')
    return this.#body.name
  }
}

/** Feeds a scanner from a source, event by event. */
class ScannedBody {
  name: FileName | null = null
  readonly #source: AsyncGenerator<Buffer>
  readonly #scanner: BodyScanner
  #events: BodyEvent[] = []
  #isOver = false

  constructor(source: AsyncGenerator<Buffer>, scanner: BodyScanner) {
    this.#source = source
    this.#scanner = scanner
  }

  /** @returns the next event, or null after the last */
  async next(): Promise<BodyEvent | null> {
    while (this.#events.length === 0) {
      if (this.#isOver) return null
      await this.#scanMore()
    }
    const event = this.#events.shift() ?? null
    if (event?.kind === 'name') this.name = event.name
    return event
  }

  async close(): Promise<void> {
    this.#isOver = true
    await this.#source.return(undefined)
  }

  async #scanMore(): Promise<void> {
    try {
      const step = await this.#source.next()
      this.#isOver = step.done === true
      this.#events = [...(step.done ? this.#scanner.end() : this.#scanner.push(step.value))]
    } catch (error) {
      await this.close()
      throw error
    }
  }
}
