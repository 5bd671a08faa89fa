import { StoreError } from '@holdfast/shared/errors/store-error'
import { encodeFileNamePath, parseFileName } from '@holdfast/shared/file-name'
import { httpBaseUrl } from '@holdfast/shared/settings/parsers'
import {
  type ActiveNode,
  type DeletedFile,
  digestOfEtag,
  parseActiveNodes,
  parseDeletedFile,
  parseStoredFile,
  type StoredFile,
} from './answers.ts'
import { completeBody } from './download-body.ts'
import { type FileSource, toOpenable } from './file-source.ts'
import { HttpClient } from './http-client.ts'
import { defaultRetryLimits, type RetryLimits } from './retry-policy.ts'
import { streamedBody, wholeBody } from './upload-body.ts'

export interface StoreClientOptions {
  /**
   * The address of a manager, such as `http://127.0.0.1:8000`, or of a proxy, with a path such as `https://host/store`.
   */
  readonly baseUrl: string
  /** A request on which nothing moves for this long is ended. The default is a minute. */
  readonly idleTimeoutMs?: number
  /**
   * The source of an upload may take this long to its first bytes, and to its next ones. The default is an hour. Once
   * bytes have begun to flow, the manager's setting `SENDER_PATIENCE_MS` limits it as well.
   */
  readonly sourcePatienceMs?: number
  readonly retry?: Partial<RetryLimits>
}

export interface CallOptions {
  readonly signal?: AbortSignal
}

export interface PutOptions extends CallOptions {
  /** Is told how many bytes of the file have gone out; it starts again from 0 when the upload is sent again. */
  readonly onProgress?: (sentBytes: number) => void
}

export interface Download {
  /**
   * The stream errors with a StoreError if it breaks off, so one that ends orderly has `sizeBytes`. Read it or cancel
   * it.
   */
  readonly stream: ReadableStream<Uint8Array>
  readonly sizeBytes: number
  readonly contentType: string
  /**
   * Compare these 64 hex digits with the digest of what you read; they are null where the server does not send them.
   */
  readonly sha256: string | null
}

/**
 * Talks to a Holdfast store over HTTP, in Node and in browsers. Every method throws StoreErrors: the manager's own by
 * their name, SERVERS_UNAVAILABLE where no manager answers, CANCELLED where the signal fired. It waits and tries again
 * after an answer that may be better later, if the body can be sent again.
 */
export class StoreClient {
  readonly #http: HttpClient
  readonly #sourcePatienceMs: number
  readonly #spent = new WeakSet<object>()

  /** @throws INVALID_REQUEST where `baseUrl` is not an address, or a time is not one */
  constructor({ baseUrl, idleTimeoutMs = 60_000, sourcePatienceMs = 3_600_000, retry = {} }: StoreClientOptions) {
    const limits = { idleTimeoutMs: duration(idleTimeoutMs), retry: { ...defaultRetryLimits, ...retry } }
    this.#http = new HttpClient(parseBaseUrl(baseUrl), limits)
    this.#sourcePatienceMs = duration(sourcePatienceMs)
  }

  /**
   * @throws FILE_EXISTS where the name is taken; REQUEST_TIMEOUT where the source is too slow; INVALID_REQUEST where it
   * gives no bytes, or was read before; whatever the source or `onProgress` throws, as it is.
   */
  async put(name: string, source: FileSource, options: PutOptions = {}): Promise<StoredFile> {
    const { signal, onProgress = () => undefined } = options
    const filename = parseFileName(name)
    const openable = toOpenable(source)
    const whole = wholeBody(filename, source)
    const streamed = { openable, patienceMs: this.#sourcePatienceMs, spent: this.#spent, onProgress }
    const answer = await this.#http.json({
      method: 'POST',
      path: '/file',
      headers: { 'content-type': 'application/json' },
      body: async (watch) => whole ?? streamedBody(filename, streamed, watch),
      canSendAgain: openable.canSendAgain,
      signal,
    })
    if (whole !== null && source instanceof Uint8Array) onProgress(source.length)
    return parseStoredFile(answer)
  }

  /** @throws FILE_NOT_FOUND, FILE_UNAVAILABLE */
  async get(name: string, { signal }: CallOptions = {}): Promise<Download> {
    const { response, watch, explain } = await this.#http.send({
      method: 'GET',
      path: pathOf(name),
      headers: { 'accept-encoding': 'identity' },
      canSendAgain: true,
      signal,
    })
    const length = response.headers.get('content-length')
    if (length === null || !/^\d+$/.test(length)) {
      watch[Symbol.dispose]()
      await response.body?.cancel()
      throw new StoreError('INTERNAL', 'the answer does not say how long the file is')
    }
    watch.pause()
    return {
      stream: completeBody(response.body, Number(length), watch, explain),
      sizeBytes: Number(length),
      contentType: response.headers.get('content-type') ?? 'application/octet-stream',
      sha256: digestOfEtag(response.headers.get('etag')),
    }
  }

  /** @throws FILE_NOT_FOUND */
  async delete(name: string, { signal }: CallOptions = {}): Promise<DeletedFile> {
    return parseDeletedFile(await this.#http.json({ method: 'DELETE', path: pathOf(name), canSendAgain: true, signal }))
  }

  async activeNodes({ signal }: CallOptions = {}): Promise<ActiveNode[]> {
    return parseActiveNodes(await this.#http.json({ method: 'GET', path: '/active-nodes', canSendAgain: true, signal }))
  }
}

/** A timer runs 24 days at the longest, and fires at once for more, Infinity too. */
const LONGEST_MS = 2_147_483_647

function duration(ms: number): number {
  if (ms > 0) return Math.min(ms, LONGEST_MS)
  throw new StoreError('INVALID_REQUEST', 'a time must be more than 0 ms; Infinity stands for no limit')
}

/** The message does not repeat the address, because it may hold a password. */
function parseBaseUrl(baseUrl: string): string {
  try {
    return httpBaseUrl(baseUrl)
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    throw new StoreError('INVALID_REQUEST', `the manager's address ${problem}`, { cause: error })
  }
}

function pathOf(name: string): string {
  return `/file/${encodeFileNamePath(parseFileName(name))}`
}
