import { StoreError } from '@holdfast/shared/errors/store-error'
import { INLINE_MAX_BYTES, PART_BYTES } from '@holdfast/shared/limits'
import { digestPart, type PartDigester, type PartMethod, startPart } from '@holdfast/shared/node/part-digest'
import { BufferPool, type PooledBuffer } from '@holdfast/shared/wire/buffer-pool'
import type { ArgumentOf, ManagerCommands } from '@holdfast/shared/wire/commands'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import type { FileServerLink } from '../links/file-server-link.ts'
import type { FrameSink } from '../links/incoming-streams.ts'
import type { Caller } from '../writing/store-copy.ts'

/** A small read that has no turn on the link by then is better off with another copy. */
const TURN_DEADLINE_MS = 10_000
/** A part has to be there in this time, which is 4 MiB at a little over 50 KB/s. */
const PART_DEADLINE_MS = 80_000

/** These bytes are what the file-server claims them to be: compare the digest before use. */
export interface PartRead {
  readonly bytes: Buffer
  /** This process computed it from the bytes, by the method that was asked for. */
  readonly digest: Buffer
  /** Lets other parts use the memory. Nobody may read the bytes from then on. */
  readonly giveBack: () => void
}

/**
 * Reads `length` bytes, at most one part, of a copy. More than a message's worth is read into one of `buffers`; the buffer of
 * an attempt that failed is never used again, for it may still be written to.
 */
export async function readPart(
  link: FileServerLink,
  copy: NamedCopy,
  span: {
    /** The whole copy has so many bytes; null where the asker does not know it. */
    readonly sizeBytes: number | null
    readonly offset: number
    readonly length: number
    readonly requestId: string
    readonly method?: PartMethod
    readonly buffers?: BufferPool
    /** Is called for each frame that comes, where the part comes in frames. */
    readonly onFrame?: () => void
  },
  caller?: Caller,
): Promise<PartRead> {
  const { sizeBytes, offset, length, requestId, method = 'sha256', buffers = new BufferPool(), onFrame } = span
  if (length > PART_BYTES) throw new StoreError('INTERNAL', 'more than a part was asked for')
  const { copyId, slot, sha256 } = copy
  const command = { copyId, slot, sha256, sizeBytes, offset, length }
  return length <= INLINE_MAX_BYTES
    ? readSmall(link, command, method, caller)
    : readLarge(link, { requestId, ...command }, { method, buffers, onFrame, signal: caller?.signal })
}

/** A read that was sent does not end with its client's connection, for it is over soon. */
async function readSmall(
  link: FileServerLink,
  command: ArgumentOf<ManagerCommands, 'download-file'>,
  method: PartMethod,
  caller: Caller | undefined,
): Promise<PartRead> {
  const { length } = command
  if (!link.inbound.tryAcquire(length)) await link.inbound.acquire(length, caller?.signal, TURN_DEADLINE_MS)
  const askedAt = performance.now()
  let ackDelayMs: number | null = null
  try {
    const { bytes } = await link.call('download-file', command)
    ackDelayMs = performance.now() - askedAt
    if (bytes.length !== length)
      throw new StoreError('COPY_MISMATCH', 'another number of bytes came than was asked for')
    const read = Buffer.from(bytes.buffer, bytes.byteOffset, length)
    return { bytes: read, digest: digestPart(method, read), giveBack: () => undefined }
  } finally {
    link.inbound.release(length, ackDelayMs)
  }
}

type LargeRead = Omit<ArgumentOf<ManagerCommands, 'open-download'>, 'streamId'>

interface Reading {
  readonly method: PartMethod
  readonly buffers: BufferPool
  readonly onFrame: (() => void) | undefined
  readonly signal: AbortSignal | undefined
}

/** Reads from the file-server's disk where that is this machine's; else the file-server sends the bytes. */
async function readLarge(link: FileServerLink, command: LargeRead, reading: Reading): Promise<PartRead> {
  const read = link.disk.isUsable ? await readLocally(link, command, reading) : null
  return read ?? readStream(link, command, reading)
}

/** A read that has begun does not end with its client's connection, for it is over soon. */
async function readLocally(
  link: FileServerLink,
  { copyId, slot, sha256, sizeBytes, offset, length }: LargeRead,
  { method, buffers, signal }: Reading,
): Promise<PartRead | null> {
  requireClient(signal)
  const { bytes, giveBack } = buffers.take(length)
  const isRead = await link.disk.read({ copyId, slot, sha256 }, { sizeBytes, offset }, bytes)
  requireClient(signal)
  return isRead ? { bytes, digest: digestPart(method, bytes), giveBack } : null
}

function requireClient(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new StoreError('CANCELLED', undefined, { cause: signal.reason })
}

async function readStream(
  link: FileServerLink,
  command: LargeRead,
  { method, buffers, onFrame, signal }: Reading,
): Promise<PartRead> {
  const part = new PartCollector(buffers.take(command.length), startPart(method), onFrame)
  const streamId = link.streams.open(part)
  try {
    await link.call('open-download', { streamId, ...command }, { signal })
    return await part.whole(PART_DEADLINE_MS, signal)
  } finally {
    link.streams.close(streamId)
  }
}

/**
 * Collects the frames of one part. It takes them at once, for its buffer holds exactly what was asked for, and digests each
 * piece while the file-server sends the next one.
 */
class PartCollector implements FrameSink {
  readonly #bytes: Buffer
  readonly #giveBack: () => void
  readonly #digester: PartDigester
  readonly #onFrame: (() => void) | undefined
  #filled = 0
  #settle: ((error: StoreError | null) => void) | undefined
  #outcome: StoreError | null | undefined

  constructor({ bytes, giveBack }: PooledBuffer, digester: PartDigester, onFrame: (() => void) | undefined) {
    this.#bytes = bytes
    this.#giveBack = giveBack
    this.#digester = digester
    this.#onFrame = onFrame
  }

  async frame(bytes: Uint8Array, isLast: boolean): Promise<void> {
    // The memory may hold another part by the time a late frame comes.
    if (this.#outcome !== undefined) throw new StoreError('CANCELLED')
    if (this.#filled + bytes.length > this.#bytes.length)
      throw this.fail(new StoreError('COPY_MISMATCH', 'more bytes came than were asked for'))
    this.#bytes.set(bytes, this.#filled)
    this.#digester.update(this.#bytes.subarray(this.#filled, this.#filled + bytes.length))
    this.#filled += bytes.length
    this.#onFrame?.()
    if (!isLast) return
    const isWhole = this.#filled === this.#bytes.length
    this.#end(isWhole ? null : new StoreError('COPY_MISMATCH', 'fewer bytes came than were asked for'))
  }

  fail(error: StoreError): StoreError {
    this.#end(error)
    return error
  }

  whole(deadlineMs: number, signal?: AbortSignal): Promise<PartRead> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.fail(new StoreError('DEADLINE_EXCEEDED')), deadlineMs)
      const cancel = (): unknown => this.fail(new StoreError('CANCELLED', undefined, { cause: signal?.reason }))
      this.#settle = (error) => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', cancel)
        if (error === null) resolve({ bytes: this.#bytes, digest: this.#digester.digest(), giveBack: this.#giveBack })
        else reject(error)
      }
      signal?.addEventListener('abort', cancel)
      if (this.#outcome !== undefined) this.#settle(this.#outcome)
      else if (signal?.aborted) cancel()
    })
  }

  #end(outcome: StoreError | null): void {
    if (this.#outcome !== undefined) return
    this.#outcome = outcome
    this.#settle?.(outcome)
  }
}
