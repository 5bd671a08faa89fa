import { StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import type { CopyId, Digest, Slot } from '@holdfast/shared/ids'
import { RecentMap } from '@holdfast/shared/recent-map'
import type { Handlers, ManagerCommands } from '@holdfast/shared/wire/commands'
import type { OpenUpload, StoredCopy, UploadFile } from '@holdfast/shared/wire/shapes'
import { decodeBody } from '../decode/decode-body.ts'
import type { Store } from '../store/store.ts'
import { UploadStream } from './upload-stream.ts'

/** A command that comes twice or late is recognised as long as its upload is among this many ended ones. */
const REMEMBERED_UPLOADS = 50_000
/** Each stream holds a file descriptor, so all managers together may have only so many open at once. */
const MAX_OPEN_STREAMS = 4_096

type Upload =
  | { readonly kind: 'inline'; readonly result: Promise<StoredCopy> }
  | { readonly kind: 'stream'; readonly stream: UploadStream }
  | Fetch
  | Stored
  | Ended

type InlineCopy = Pick<UploadFile, 'copyId' | 'encoding' | 'sizeBytes' | 'sha256'>
type UploadCommands = 'upload-file' | 'open-upload' | 'upload-frame' | 'upload-end'

/** This file-server gets such a copy by itself. */
interface Fetch {
  readonly kind: 'fetch'
  /** It ends with this connection. */
  readonly owner: object
  readonly result: Promise<StoredCopy>
  readonly stop: AbortController
}

interface Ended {
  readonly kind: 'ended'
  readonly error: StoreError
  /** It is the one whose frames carried the copy. */
  readonly requestId?: string | undefined
}

/** It is known what the bytes must be. */
export type FetchedCopy = Pick<StoredCopy, 'copyId' | 'sizeBytes' | 'sha256'>

/** Gets the bytes of a copy from elsewhere, until the signal fires. */
export type CopyBytes = (signal: AbortSignal) => AsyncIterable<Uint8Array>

/** The copyId is left out because the map has it as the key. */
interface Stored extends Omit<StoredCopy, 'copyId'> {
  readonly kind: 'stored'
}

/**
 * Knows the uploads of all managers by copyId, and writes each copyId at most once, however often its commands arrive.
 */
export class Uploads {
  readonly #store: Store
  readonly #running = new Map<CopyId, Upload>()
  /** These have ended. */
  readonly #recent = new RecentMap<CopyId, Upload>(REMEMBERED_UPLOADS)

  constructor(store: Store) {
    this.#store = store
  }

  get runningCount(): number {
    return this.#running.size
  }

  /** @returns the id of the request whose frames carry the copy, also after its upload has failed */
  requestIdOf(copyId: CopyId): string | undefined {
    const upload = this.#find(copyId)
    if (upload?.kind === 'stream') return upload.stream.command.requestId
    return upload?.kind === 'ended' ? upload.requestId : undefined
  }

  /** Carries out the commands by which a manager uploads. @param owner is the connection that they come on. */
  handlers(owner: object): Pick<Handlers<ManagerCommands>, UploadCommands> {
    return {
      'upload-file': async ({ bytes, ...command }) => {
        const startedAt = performance.now()
        const { copyId, slot, sizeBytes, sha256 } = await this.storeInline(command, bytes)
        return { copy: { copyId, slot, sizeBytes, sha256 }, workMs: Math.round(performance.now() - startedAt) }
      },
      'open-upload': async (command) => {
        await this.open(command, owner)
        return {}
      },
      'upload-frame': async ({ copyId, seq, bytes }) => {
        await this.frame(copyId, seq, bytes)
        return {}
      },
      'upload-end': async ({ copyId, frameCount }) => {
        const { partTags, ...copy } = await this.end(copyId, frameCount)
        return { copy, bytes: partTags }
      },
    }
  }

  /** Stores a whole copy that came in one message. A repeated command gets the outcome of the first. */
  storeInline(command: InlineCopy, bytes: Uint8Array): Promise<StoredCopy> {
    const known = this.#find(command.copyId)
    if (known !== undefined) return outcomeOf(known, command.copyId)
    const result = this.#writeInline(command, bytes)
    this.#running.set(command.copyId, { kind: 'inline', result })
    this.#rememberOutcome(command.copyId, result)
    return result
  }

  /** Does so for a request that may come again after it failed, and then is tried again. */
  storePosted(copyId: CopyId, bytes: Uint8Array, sha256: Digest): Promise<StoredCopy> {
    const known = this.#recent.get(copyId)
    if (known?.kind === 'ended' && known.error.name !== 'COPY_DISCARDED') this.#recent.delete(copyId)
    return this.storeInline({ copyId, encoding: 'binary', sizeBytes: bytes.length, sha256 }, bytes)
  }

  /** Stores a copy whose bytes this file-server gets by itself. A repeated command gets the outcome of the first. */
  fetch(command: FetchedCopy, owner: object, bytesOf: CopyBytes): Promise<StoredCopy> {
    const { copyId } = command
    const known = this.#find(copyId)
    if (known !== undefined) return outcomeOf(known, copyId)
    if (this.#running.size >= MAX_OPEN_STREAMS) return Promise.reject(new StoreError('OVERLOADED'))
    const stop = new AbortController()
    const result = this.#writeFetched(command, bytesOf(stop.signal))
    this.#running.set(copyId, { kind: 'fetch', owner, result, stop })
    this.#rememberOutcome(copyId, result)
    return result
  }

  /** Opens a stream of frames. @param owner is the connection that it belongs to. */
  async open(command: OpenUpload, owner: object): Promise<void> {
    const { copyId, requestId } = command
    const known = this.#find(copyId)
    if (known?.kind === 'stream' && known.stream.owner === owner) return known.stream.opened()
    if (known?.kind === 'ended') throw known.error
    if (known !== undefined) throw new StoreError('INVALID_REQUEST', 'the copyId was used before')
    if (this.#running.size >= MAX_OPEN_STREAMS) throw new StoreError('OVERLOADED')
    const stream = new UploadStream(this.#store, command, owner, (outcome) =>
      this.#remember(
        copyId,
        outcome instanceof StoreError ? { kind: 'ended', error: outcome, requestId } : storedOf(outcome),
      ),
    )
    this.#running.set(copyId, { kind: 'stream', stream })
    await stream.opened()
  }

  async frame(copyId: CopyId, seq: number, bytes: Uint8Array): Promise<void> {
    const upload = this.#find(copyId)
    if (upload?.kind === 'stream') return upload.stream.frame(seq, bytes)
    if (upload?.kind === 'ended') throw upload.error
    // A late repeat of a frame whose upload is complete changes nothing.
    if (upload === undefined) throw new StoreError('COPY_NOT_FOUND', 'no such upload is open')
  }

  async end(copyId: CopyId, frameCount: number): Promise<StoredCopy> {
    const upload = this.#find(copyId)
    if (upload === undefined) throw new StoreError('COPY_NOT_FOUND', 'no such upload is open')
    return upload.kind === 'stream' ? upload.stream.end(frameCount) : outcomeOf(upload, copyId)
  }

  /**
   * Ends an upload, running or yet to come, for ever.
   * @returns the slot where it became durable before that, or null
   */
  async discard(copyId: CopyId): Promise<Slot | null> {
    const running = this.#running.get(copyId)
    const requestId = this.requestIdOf(copyId)
    const discarded = new StoreError('COPY_DISCARDED')
    if (running?.kind === 'stream') {
      running.stream.fail(discarded)
      await running.stream.settled()
    } else if (running?.kind === 'inline' || running?.kind === 'fetch') {
      if (running.kind === 'fetch') running.stop.abort(discarded)
      await running.result.catch(() => undefined)
    }
    const recent = this.#recent.get(copyId)
    this.#remember(copyId, { kind: 'ended', error: discarded, requestId })
    return recent?.kind === 'stored' ? recent.slot : null
  }

  /** The streams of a connection that is gone cannot go on, because a manager sends nothing again on a new one. */
  dropStreamsOf(owner: object): void {
    const lost = new StoreError('LINK_LOST')
    for (const upload of this.#running.values()) {
      if (upload.kind === 'stream' && upload.stream.owner === owner) upload.stream.fail(lost)
      if (upload.kind === 'fetch' && upload.owner === owner) upload.stop.abort(lost)
    }
  }

  /** Ends the streams, and waits for everything that is being written. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#running].map(([copyId, upload]) => {
        if (upload.kind === 'fetch') upload.stop.abort(new StoreError('LINK_LOST'))
        if (upload.kind !== 'stream') return outcomeOf(upload, copyId).catch(() => undefined)
        upload.stream.fail(new StoreError('LINK_LOST'))
        return upload.stream.settled()
      }),
    )
  }

  async #writeInline({ copyId, encoding, sizeBytes, sha256 }: InlineCopy, body: Uint8Array): Promise<StoredCopy> {
    const bytes = decodeBody(encoding, body)
    if (sizeBytes !== null && bytes.length !== sizeBytes)
      throw new StoreError('DIGEST_MISMATCH', 'the body has another length than the manager said')
    return this.#store.storeCopy(copyId, bytes, sha256)
  }

  async #writeFetched(
    { copyId, sizeBytes, sha256 }: FetchedCopy,
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<StoredCopy> {
    await using writer = await this.#store.createCopy(copyId, sizeBytes)
    let receivedBytes = 0
    for await (const piece of bytes) {
      receivedBytes += piece.length
      if (receivedBytes > sizeBytes) throw new StoreError('COPY_MISMATCH', 'more bytes came than the copy has')
      await writer.write(piece)
    }
    return await writer.commit(sha256)
  }

  #rememberOutcome(copyId: CopyId, result: Promise<StoredCopy>): void {
    result.then(
      (copy) => this.#remember(copyId, storedOf(copy)),
      (error: unknown) => this.#remember(copyId, { kind: 'ended', error: toStoreError(error) }),
    )
  }

  #find(copyId: CopyId): Upload | undefined {
    return this.#running.get(copyId) ?? this.#recent.get(copyId)
  }

  #remember(copyId: CopyId, upload: Upload): void {
    this.#running.delete(copyId)
    // A discarded upload stays discarded, whatever a write under way reports afterwards.
    const known = this.#recent.get(copyId)
    if (known?.kind === 'ended' && known.error.name === 'COPY_DISCARDED') return
    this.#recent.set(copyId, upload)
  }
}

function storedOf({ slot, sizeBytes, sha256, partTags }: StoredCopy): Stored {
  return { kind: 'stored', slot, sizeBytes, sha256, partTags }
}

function copyOf({ slot, sizeBytes, sha256, partTags }: Stored, copyId: CopyId): StoredCopy {
  return { copyId, slot, sizeBytes, sha256, partTags }
}

function outcomeOf(upload: Upload, copyId: CopyId): Promise<StoredCopy> {
  switch (upload.kind) {
    case 'inline':
    case 'fetch':
      return upload.result
    case 'stored':
      return Promise.resolve(copyOf(upload, copyId))
    case 'ended':
      return Promise.reject(upload.error)
    case 'stream':
      return Promise.reject(new StoreError('INVALID_REQUEST', 'the copyId was used before'))
    default:
      return upload satisfies never
  }
}
