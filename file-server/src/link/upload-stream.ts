import { StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import { UPLOAD_IDLE_TIMEOUT_MS } from '@holdfast/shared/wire/protocol'
import type { OpenUpload, StoredCopy } from '@holdfast/shared/wire/shapes'
import { BodyDecoder } from '../decode/decode-body.ts'
import type { CopyWriter, Store } from '../store/store.ts'

/** Receives one upload in frames. It does its work in order, one piece at a time, and its first failure ends it. */
export class UploadStream {
  readonly command: OpenUpload
  /** The upload belongs to this connection, and ends with it. */
  readonly owner: object
  readonly #writer: Promise<CopyWriter>
  readonly #decoder: BodyDecoder
  readonly #onEnd: (outcome: StoredCopy | StoreError) => void
  #nextSeq = 0
  #tail: Promise<unknown>
  #stored: Promise<StoredCopy> | null = null
  #failure: StoreError | null = null
  #isOver = false
  #idleTimer: NodeJS.Timeout

  /** @param onEnd is called once, with the copy or with the reason why there is none. */
  constructor(store: Store, command: OpenUpload, owner: object, onEnd: (outcome: StoredCopy | StoreError) => void) {
    this.command = command
    this.owner = owner
    this.#onEnd = onEnd
    this.#decoder = new BodyDecoder(command.encoding)
    this.#writer = store.createCopy(command.copyId, command.sizeBytes, command.partKey)
    this.#tail = this.#writer.catch((error: unknown) => this.fail(toStoreError(error)))
    this.#idleTimer = setTimeout(() => this.fail(new StoreError('DEADLINE_EXCEEDED')), UPLOAD_IDLE_TIMEOUT_MS)
  }

  /** Resolves when frames may come. */
  async opened(): Promise<void> {
    await this.#writer
    if (this.#failure !== null) throw this.#failure
  }

  /** Writes a frame. A frame that came before is waited for and not written again; a gap ends the stream. */
  async frame(seq: number, bytes: Uint8Array): Promise<void> {
    if (seq > this.#nextSeq) this.fail(new StoreError('INVALID_REQUEST', `frame ${this.#nextSeq} is missing`))
    if (seq === this.#nextSeq) {
      if (this.#stored !== null) throw new StoreError('INVALID_REQUEST', 'the upload has ended')
      this.#nextSeq++
      this.#then((writer) => this.#decoder.write(bytes, (decoded) => writer.write(decoded)))
    }
    await this.#tail
    if (this.#failure !== null) throw this.#failure
  }

  /** Makes the copy durable. A repeated end gets the outcome of the first. */
  end(frameCount: number): Promise<StoredCopy> {
    this.#stored ??= this.#commit(frameCount)
    return this.#stored
  }

  /** Ends the stream and removes what it wrote, unless that is durable or about to be. */
  fail(error: StoreError): void {
    if (this.#failure !== null || this.#isOver) return
    this.#failure = error
    this.#isOver = true
    clearTimeout(this.#idleTimer)
    const removed = this.#tail.then(async () => (await this.#writer).abort())
    this.#tail = removed.catch(() => undefined) // a writer that never opened has nothing to remove
    void this.#tail.then(() => this.#onEnd(error))
  }

  /** Resolves when nothing of it is under way. */
  async settled(): Promise<void> {
    await this.#stored?.catch(() => undefined)
    await this.#tail
  }

  async #commit(frameCount: number): Promise<StoredCopy> {
    if (frameCount !== this.#nextSeq)
      this.fail(new StoreError('INVALID_REQUEST', `${frameCount} frames were sent, ${this.#nextSeq} came`))
    await this.#tail
    if (this.#failure !== null) throw this.#failure
    this.#isOver = true
    clearTimeout(this.#idleTimer)
    const writer = await this.#writer
    try {
      this.#decoder.finish()
      const copy = await writer.commit(this.command.sha256)
      this.#onEnd(copy)
      return copy
    } catch (thrown) {
      const error = toStoreError(thrown)
      this.#failure = error
      await writer.abort()
      this.#onEnd(error)
      throw error
    }
  }

  #then(work: (writer: CopyWriter) => Promise<void>): void {
    this.#idleTimer.refresh()
    this.#tail = this.#tail.then(async () => {
      if (this.#failure !== null) return
      try {
        await work(await this.#writer)
      } catch (error) {
        this.fail(toStoreError(error))
      }
    })
  }
}
