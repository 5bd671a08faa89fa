import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import { INLINE_MAX_BYTES, PART_BYTES } from '@holdfast/shared/limits'
import { digestPart, type PartDigester, type PartMethod, startPart } from '@holdfast/shared/node/part-digest'
import type { ArgumentOf, ManagerCommands } from '@holdfast/shared/wire/commands'
import type { NamedCopy } from '@holdfast/shared/wire/events'
import type { RawSink } from './data-reader.ts'
import type { FileServerLink } from './file-server-link.ts'
import type { FrameSink } from './incoming-streams.ts'
import type { Caller } from './store-copy.ts'

/** A small read that has no turn on the link by then is better off with another copy. */
const TURN_DEADLINE_MS = 10_000
/** A part has to be there in this time: 4 MiB at a little over 50 KB/s. */
const PART_DEADLINE_MS = 80_000

/** What came is the file-server's claim: compare before use. */
export interface PartRead {
  readonly bytes: Buffer
  /** By the method that was asked for, by this process's own count. */
  readonly digest: Buffer
}

/** Reads `length` bytes, at most one part, of a copy. */
export async function readPart(
  link: FileServerLink,
  copy: NamedCopy,
  span: {
    /** Of the whole copy, where it is known. */
    readonly sizeBytes: number | null
    readonly offset: number
    readonly length: number
    readonly requestId: string
    readonly method?: PartMethod
    /** At least `length` bytes that nobody reads any more, in memory of their own: for a part that is more than a message. */
    readonly room?: Buffer | undefined
  },
  caller?: Caller,
): Promise<PartRead> {
  const { sizeBytes, offset, length, requestId, method = 'sha256', room } = span
  if (length > PART_BYTES) throw new StoreError('INTERNAL', 'more than a part was asked for')
  const { copyId, slot, sha256 } = copy
  const command = { copyId, slot, sha256, sizeBytes, offset, length }
  return length <= INLINE_MAX_BYTES
    ? readSmall(link, command, method, caller)
    : readLarge(link, { ...command, requestId }, { method, room, signal: caller?.signal })
}

/** Once sent, it does not end with its client's connection: it is over soon. */
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
    return { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, length), digest: digestPart(method, bytes) }
  } finally {
    link.inbound.release(length, ackDelayMs)
  }
}

type StreamRead = Omit<ArgumentOf<ManagerCommands, 'open-download'>, 'streamId'>
type LargeRead = Omit<StreamRead, 'isRaw'>

/** How a part is read, and for whom. */
interface Reading {
  readonly method: PartMethod
  readonly room?: Buffer | undefined
  readonly signal: AbortSignal | undefined
}

/** From its disk where that is this machine's, else by the data connection; where there is none, or it ends, by messages. */
async function readLarge(link: FileServerLink, command: LargeRead, reading: Reading): Promise<PartRead> {
  if (link.disk.isUsable) {
    const read = await readLocally(link, command, reading)
    if (read !== null) return read
    // The memory may still be written to.
    return readSent(link, command, { ...reading, room: undefined })
  }
  return readSent(link, command, reading)
}

/** A read that has begun does not end with its client's connection: it is over soon. */
async function readLocally(
  link: FileServerLink,
  { copyId, slot, sha256, sizeBytes, offset, length }: LargeRead,
  { method, room = Buffer.allocUnsafeSlow(length), signal }: Reading,
): Promise<PartRead | null> {
  requireClient(signal)
  const bytes = room.subarray(0, length)
  const isRead = await link.disk.read({ copyId, slot, sha256 }, { sizeBytes, offset }, bytes)
  requireClient(signal)
  return isRead ? { bytes, digest: digestPart(method, bytes) } : null
}

function requireClient(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new StoreError('CANCELLED', undefined, { cause: signal.reason })
}

async function readSent(link: FileServerLink, command: LargeRead, reading: Reading): Promise<PartRead> {
  if (link.data.isOpen()) {
    try {
      return await readStream(link, { ...command, isRaw: true }, reading)
    } catch (error) {
      if (hasErrorName(error, 'DEADLINE_EXCEEDED')) link.data.drop()
      if (!hasErrorName(error, 'LINK_LOST') || !link.isConnected) throw error
    }
  }
  return readStream(link, { ...command, isRaw: false }, { ...reading, room: undefined })
}

async function readStream(
  link: FileServerLink,
  command: StreamRead,
  { method, room = Buffer.allocUnsafe(command.length), signal }: Reading,
): Promise<PartRead> {
  const part = new PartBuffer(room.subarray(0, command.length), startPart(method), command.isRaw)
  const streamId = link.streams.open(part)
  if (command.isRaw) link.data.expect(streamId, part)
  try {
    await link.call('open-download', { ...command, streamId }, { signal })
    return await part.whole(PART_DEADLINE_MS, signal)
  } finally {
    link.data.forget(streamId)
    link.streams.close(streamId)
  }
}

/**
 * Collects the frames of one part. Frames are taken at once: there is room for exactly what was asked for. Each piece is
 * digested as it comes, while the file-server sends the next one.
 */
class PartBuffer implements FrameSink, RawSink {
  readonly #bytes: Buffer
  readonly #digester: PartDigester
  readonly #isRaw: boolean
  #filled = 0
  #settle: ((error: StoreError | null) => void) | undefined
  #outcome: StoreError | null | undefined

  constructor(bytes: Buffer, digester: PartDigester, isRaw: boolean) {
    this.#bytes = bytes
    this.#digester = digester
    this.#isRaw = isRaw
  }

  async frame(bytes: Uint8Array, isLast: boolean): Promise<void> {
    // The memory may hold the next part by now.
    if (this.#outcome !== undefined) throw new StoreError('CANCELLED')
    // Else the part could be complete, verified and handed out while a raw frame is still read into its memory.
    if (this.#isRaw) throw this.fail(new StoreError('INVALID_REQUEST', 'a message in a stream of raw bytes'))
    if (this.#filled + bytes.length > this.#bytes.length)
      throw this.fail(new StoreError('COPY_MISMATCH', 'more bytes came than were asked for'))
    this.#bytes.set(bytes, this.#filled)
    this.took(bytes.length)
    if (isLast) this.end()
  }

  room(): Buffer {
    return this.#bytes.subarray(this.#outcome === undefined ? this.#filled : this.#bytes.length)
  }

  took(count: number): void {
    this.#digester.update(this.#bytes.subarray(this.#filled, this.#filled + count))
    this.#filled += count
  }

  /** The last byte was here. */
  end(): void {
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
        if (error === null) resolve({ bytes: this.#bytes, digest: this.#digester.digest() })
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
