import { StoreError } from '@holdfast/shared/errors/store-error'
import type { FileName } from '@holdfast/shared/file-name'
import type { Encoding } from '@holdfast/shared/wire/shapes'
import type { BodyEvent, BodyScanner } from './formats/body-scanner.ts'
import { type BytesKind, IncomingBytes } from './incoming-bytes.ts'
import type { IncomingFile } from './incoming-file.ts'

/** Reads up to where the file begins. @throws StoreError, as `IncomingFile` does */
export async function openScannedFile(
  source: AsyncGenerator<Buffer>,
  scanner: BodyScanner,
  kind: BytesKind,
): Promise<IncomingFile> {
  const body = new ScannedBody(source, scanner)
  return new ScannedFile(body, await body.pass(), kind)
}

/**
 * Reads up to where the first file begins.
 * @returns all files, in order. Each has to be read and finished before the next is asked for, and whoever stops early lets
 * the request go. @throws StoreError, as `IncomingFile` does
 */
export async function openScannedFiles(
  source: AsyncGenerator<Buffer>,
  scanner: BodyScanner,
): Promise<AsyncGenerator<IncomingFile, void, undefined>> {
  const body = new ScannedBody(source, scanner)
  return eachFile(body, await body.pass())
}

async function* eachFile(body: ScannedBody, first: Passed): AsyncGenerator<IncomingFile, void, undefined> {
  try {
    for (let start = first; start.encoding !== null; ) {
      const file = new ScannedFile(body, start)
      yield file
      start = file.passed()
    }
  } finally {
    await body.close()
  }
}

/** The name was read on the way to the next file, or, without an encoding, to the end of the body. */
interface Passed {
  readonly name: FileName | null
  readonly encoding: Encoding | null
}

class ScannedFile implements IncomingFile {
  readonly earlyName: FileName | null
  readonly bytes: IncomingBytes
  readonly #body: ScannedBody
  #isRead = false
  #passed: Passed | null = null

  constructor(body: ScannedBody, { name, encoding }: Passed, kind?: BytesKind) {
    if (encoding === null) throw new StoreError('INTERNAL', 'a scanner found no file and did not say so')
    this.#body = body
    this.earlyName = name
    this.bytes = new IncomingBytes(encoding, this.#readBytes(), kind)
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

  /** Reads up to the next file or to the end of the body. The scanner judges what stands there; a name at the end is this file's. */
  async finish(): Promise<FileName> {
    if (!this.#isRead) throw new StoreError('INTERNAL', 'finish() before the bytes were read')
    this.#passed ??= await this.#body.pass()
    const { name, encoding } = this.#passed
    const ownName = encoding === null ? (name ?? this.earlyName) : this.earlyName
    if (ownName === null) throw new StoreError('INTERNAL', 'a scanner found no name and did not say so')
    return ownName
  }

  /** @returns what stands after this file, which `finish` has read */
  passed(): Passed {
    if (this.#passed === null) throw new StoreError('INTERNAL', 'the next file was asked for before this was finished')
    return this.#passed
  }
}

/** Feeds a scanner from a source, event by event. */
class ScannedBody {
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
    return this.#events.shift() ?? null
  }

  async pass(): Promise<Passed> {
    let name: FileName | null = null
    for (let event = await this.next(); event !== null; event = await this.next()) {
      if (event.kind === 'name') name = event.name
      if (event.kind === 'file') return { name, encoding: event.encoding }
    }
    return { name, encoding: null }
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
