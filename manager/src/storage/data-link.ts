import { StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'
import { isLoopback } from '@holdfast/shared/node/loopback'
import type { DataPortAck } from '@holdfast/shared/wire/events'
import { DataReader, type RawSink } from './data-reader.ts'
import { Setback } from './setback.ts'

export interface DataLinkParts {
  /** The file-server's address, as this manager sees it. */
  readonly address: string
  /** Asks the file-server how to dial it. */
  readonly askForPort: () => Promise<DataPortAck | { readonly port: null }>
  readonly log: Pick<Logger, 'info'>
}

interface RawStream {
  readonly sink: RawSink
  nextSeq: number
}

/**
 * A connection to a file-server's data port. The bytes of large downloads come by it and are read by the kernel straight
 * into the memory of their part: no copy, nothing to collect. Dialled when it is first wanted.
 */
export class DataLink {
  readonly #parts: DataLinkParts
  readonly #streams = new Map<string, RawStream>()
  #connection: DataReader | null = null
  readonly #setback: Setback
  #isDialling = false
  #isClosed = false

  constructor(parts: DataLinkParts) {
    this.#parts = parts
    this.#setback = new Setback(parts.log, 'no data connection: large files come by messages')
  }

  /** Whether raw bytes can come. Where they cannot yet, it dials, and nobody waits for that. */
  isOpen(): boolean {
    if (this.#connection !== null) return true
    if (!this.#isDialling && !this.#isClosed && this.#setback.isOver) {
      this.#isDialling = true
      this.#dial()
        .catch((error: unknown) => toStoreError(error).detail ?? 'it failed')
        .then((problem) => {
          this.#isDialling = false
          if (problem !== null && !this.#isClosed) this.#setback.note(problem)
        })
    }
    return false
  }

  /** Bytes of that stream go to `sink` until `forget`. */
  expect(streamId: string, sink: RawSink): void {
    this.#streams.set(streamId, { sink, nextSeq: 0 })
  }

  forget(streamId: string): void {
    this.#streams.delete(streamId)
  }

  /** A stream stalled: what it waited on may be dead without a sign. */
  drop(): void {
    this.#connection?.close()
  }

  /** The file-server is gone. */
  close(): void {
    this.#isClosed = true
    this.#connection?.close()
  }

  /** @returns why there is no connection, or null. */
  async #dial(): Promise<string | null> {
    const { address, askForPort } = this.#parts
    const answer = await askForPort()
    if (answer.port === null) return 'it has none'
    const { host, port, key, answer: secret } = answer
    const reachable = hostToDial(address, host)
    if (reachable === null) return 'it is open only to its own machine (DATA_HOST)'
    const reader = new DataReader({
      place: { host: reachable, port },
      key: Buffer.from(key, 'hex'),
      answer: Buffer.from(secret, 'hex'),
      sinkOf: (streamId, seq) => this.#sinkOf(streamId, seq),
      onEnd: () => this.#end(reader),
    })
    await reader.opened
    if (this.#isClosed) {
      reader.close()
      return 'the link ended'
    }
    this.#connection = reader
    this.#setback.forget()
    this.#parts.log.info({ host: reachable, port }, 'data connection opened')
    return null
  }

  #sinkOf(streamId: string, seq: number): RawSink | null {
    const stream = this.#streams.get(streamId)
    if (stream === undefined || seq < stream.nextSeq) return null
    if (seq > stream.nextSeq) {
      stream.sink.fail(new StoreError('INVALID_REQUEST', `frame ${stream.nextSeq} is missing`))
      return null
    }
    stream.nextSeq++
    return stream.sink
  }

  #end(reader: DataReader): void {
    if (this.#connection !== reader) return
    this.#connection = null
    if (!this.#isClosed) this.#setback.note('the connection ended')
    for (const { sink } of [...this.#streams.values()])
      sink.fail(new StoreError('LINK_LOST', 'the data connection ended'))
  }
}

/**
 * A file-server on this machine is dialled where it listens, another one where its link comes from.
 * @returns null where it listens on the loopback of another machine
 */
function hostToDial(address: string, listens: string): string | null {
  const isHere = isLoopback(address)
  if (!isHere) return isLoopback(listens) ? null : address
  if (listens === '::') return '::1'
  return listens === '0.0.0.0' ? '127.0.0.1' : listens
}
