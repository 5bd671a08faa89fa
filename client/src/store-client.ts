import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import { encodeFileNamePath, parseFileName } from '@holdfast/shared/file-name'
import { isFileId, isLinkId } from '@holdfast/shared/ids'
import { httpBaseUrl } from '@holdfast/shared/settings/parsers'
import {
  type ActiveNode,
  type DeletedFile,
  type FileDescription,
  type FilePage,
  type FileWithChunks,
  type Job,
  parseActiveNodes,
  parseDeletedFile,
  parseFile,
  parseFilePage,
  parseFileWithChunks,
  parseJob,
  parseJobId,
  parseStoredFile,
  parseTrackerStatus,
  parseUpkeep,
  type StoredFile,
  type TrackerStatus,
  type Upkeep,
} from './answers.ts'
import { contentDigest } from './body-digest.ts'
import { type Download, download } from './download.ts'
import { type FileSource, toOpenable } from './file-source.ts'
import { HttpClient, type HttpLimits, type HttpRequest } from './http-client.ts'
import { parseLink, randomLink } from './link.ts'
import { defaultRetryLimits } from './retry-policy.ts'
import type {
  CallOptions,
  FileChange,
  FilesOptions,
  GetOptions,
  ListOptions,
  PullOptions,
  PutOptions,
  ShareOptions,
  StoreClientOptions,
  UploadOptions,
} from './store-client-options.ts'
import { type BodyForm, blobBody, jsonForm, rawForm, streamedBody, wholeBody } from './upload-body.ts'

export type { Download } from './download.ts'
export type * from './store-client-options.ts'

/**
 * Talks to a Holdfast store over HTTP, in Node and in browsers. Every method throws StoreErrors: the manager's own by
 * their name, SERVERS_UNAVAILABLE where no manager answers, CANCELLED where the signal fired. It waits and tries again
 * after an answer that may be better later, if the body can be sent again.
 */
export class StoreClient {
  readonly #baseUrl: string
  readonly #limits: HttpLimits
  readonly #http: HttpClient
  readonly #sourcePatienceMs: number
  readonly #ticket: StoreClientOptions['ticket']
  readonly #spent = new WeakSet<object>()

  /** @throws INVALID_REQUEST where `baseUrl` is not an address, or a time is not one */
  constructor({
    baseUrl,
    idleTimeoutMs = 60_000,
    sourcePatienceMs = 3_600_000,
    retry = {},
    ticket,
  }: StoreClientOptions) {
    this.#baseUrl = parseBaseUrl(baseUrl)
    this.#limits = { idleTimeoutMs: duration(idleTimeoutMs), retry: { ...defaultRetryLimits, ...retry } }
    this.#http = new HttpClient(this.#baseUrl, this.#limits)
    this.#sourcePatienceMs = duration(sourcePatienceMs)
    this.#ticket = ticket
  }

  /**
   * Stores a file. A manager may have carried out an attempt that it answered with an error, so that the next attempt
   * meets its own file: `detail` then says so, and nobody but the caller can tell whose file it is.
   * @throws FILE_EXISTS where the name is taken, unless `replace` or `ifMatch` is given; PRECONDITION_FAILED where
   * `ifMatch` names another version; REQUEST_TIMEOUT where the source is too slow; INVALID_REQUEST where it gives no
   * bytes, or was read before; whatever the source or `onProgress` throws, as it is.
   */
  async put(name: string, source: FileSource, options: PutOptions = {}): Promise<StoredFile> {
    const { storageClass = 'single', expires, replace = false, ifMatch } = options
    const filename = parseFileName(name)
    if (storageClass === 'single' && !replace && ifMatch === undefined) {
      const path = `/file${queryOf({ expires: textOf(expires) })}`
      const headers = { 'content-type': 'application/json' }
      return parseStoredFile(await this.#upload({ method: 'POST', path, headers }, jsonForm(filename), source, options))
    }
    const isCreation = !replace && ifMatch === undefined
    const headers = {
      'content-type': 'application/octet-stream',
      ...(isCreation && { 'if-none-match': '*' }),
      ...(ifMatch !== undefined && { 'if-match': ifMatch }),
    }
    const path = pathOf(name) + queryOf({ class: storageClass, expires: textOf(expires) })
    const reword = (error: StoreError): StoreError =>
      isCreation && error.name === 'PRECONDITION_FAILED' ? new StoreError('FILE_EXISTS') : error
    return parseStoredFile(await this.#upload({ method: 'PUT', path, headers, reword }, rawForm, source, options))
  }

  /**
   * Stores a file under a link that nobody can guess; `urlOf` makes the link of what this returns. The link is chosen here, so
   * that an attempt which is sent again stores the file once. @throws as `put` does, but for FILE_EXISTS and PRECONDITION_FAILED
   */
  async share(source: FileSource, options: ShareOptions = {}): Promise<FileDescription> {
    const { name, storageClass, expires } = options
    const label = name === undefined ? undefined : parseFileName(name)
    const link = randomLink()
    const path = `/upload${queryOf({ name: label, class: storageClass, expires: textOf(expires), link })}`
    const headers = { 'content-type': 'application/octet-stream' }
    try {
      return parseFile(await this.#upload({ method: 'POST', path, headers }, rawForm, source, options))
    } catch (error) {
      // Nobody else knows the link: an attempt before has stored the file, though its answer was an error, or was lost.
      if (!hasErrorName(error, 'FILE_EXISTS')) throw error
      const { chunks: _, ...file } = await this.file(link, options)
      return file
    }
  }

  /** @returns the address of a file's bytes, on this client's manager. For a share it is the link. */
  urlOf({ url }: Pick<FileDescription, 'url'>): string {
    return this.#baseUrl + url
  }

  /** @throws FILE_NOT_FOUND, FILE_UNAVAILABLE, PRECONDITION_FAILED */
  async get(name: string, { signal, ifMatch }: GetOptions = {}): Promise<Download> {
    const headers = ifMatch === undefined ? {} : { 'if-match': ifMatch }
    return download(this.#http, { path: pathOf(name), headers, signal })
  }

  /**
   * @param link is the link of a share, which is followed wherever it leads, or its id, which this client's manager is
   * asked for. @throws FILE_NOT_FOUND, FILE_UNAVAILABLE, INVALID_REQUEST where it is no link
   */
  async getShare(link: string, { signal }: CallOptions = {}): Promise<Download> {
    const parsed = parseLink(link)
    if (parsed === null) throw new StoreError('INVALID_REQUEST', 'a link ends with /download/ and 32 hex digits')
    const { baseUrl, id } = parsed
    const http = baseUrl === null ? this.#http : new HttpClient(parseBaseUrl(baseUrl), this.#limits)
    return download(http, { path: `/download/${id}`, headers: {}, signal })
  }

  /** @throws FILE_NOT_FOUND */
  async delete(name: string, { signal }: CallOptions = {}): Promise<DeletedFile> {
    return parseDeletedFile(await this.#http.json({ method: 'DELETE', path: pathOf(name), canSendAgain: true, signal }))
  }

  /** Gives one page of the files with a path, by name, or of the shares. @throws INVALID_REQUEST, UNAUTHORIZED */
  async list({ prefix, cursor, limit, shares, signal }: ListOptions = {}): Promise<FilePage> {
    const query = queryOf({ prefix, cursor, limit: limit?.toString(), shares: shares === true ? 'true' : undefined })
    const path = `/files${query}`
    const headers = shares === true ? await this.#authorization('GET', path) : {}
    return parseFilePage(await this.#http.json({ method: 'GET', path, headers, canSendAgain: true, signal }))
  }

  /** Gives all files that `list` gives, page after page. */
  async *files(options: FilesOptions = {}): AsyncGenerator<FileDescription> {
    let cursor: string | null = null
    do {
      const page: FilePage = await this.list({ ...options, cursor })
      yield* page.files
      cursor = page.next
    } while (cursor !== null)
  }

  /** @param id has 24 hex digits, or the 32 of a share's link. @throws FILE_NOT_FOUND, INVALID_REQUEST */
  async file(id: string, { signal }: CallOptions = {}): Promise<FileWithChunks> {
    return parseFileWithChunks(await this.#http.json({ method: 'GET', path: idPath(id), canSendAgain: true, signal }))
  }

  /**
   * Changes name, content type or expiry.
   * @returns the file as it is from then on. @throws FILE_NOT_FOUND, FILE_EXISTS, INVALID_REQUEST
   */
  async update(id: string, change: FileChange, { signal }: CallOptions = {}): Promise<FileDescription> {
    const body = new TextEncoder().encode(JSON.stringify(change))
    const answer = await this.#http.json({
      method: 'PATCH',
      path: idPath(id),
      headers: { 'content-type': 'application/json' },
      body: async () => body,
      canSendAgain: true,
      signal,
    })
    return parseFile(answer)
  }

  /** @returns the file as it was. @throws FILE_NOT_FOUND, INVALID_REQUEST */
  async deleteById(id: string, { signal }: CallOptions = {}): Promise<FileDescription> {
    return parseFile(await this.#http.json({ method: 'DELETE', path: idPath(id), canSendAgain: true, signal }))
  }

  /** @returns the address of a file's torrent, on this client's manager */
  torrentOf({ id }: Pick<FileDescription, 'id'>): string {
    return `${this.#baseUrl}${idPath(id, '/torrent')}`
  }

  /**
   * Gives a file's magnet link, once its pieces are hashed. That of a share holds its link, so that everybody who has it can
   * read the file. @throws FILE_NOT_FOUND, FILE_UNAVAILABLE where the hashing takes longer than the attempts,
   * INVALID_REQUEST where the file is empty
   */
  async magnetOf({ id }: Pick<FileDescription, 'id'>, { signal }: CallOptions = {}): Promise<string> {
    const path = `${idPath(id, '/torrent')}?magnet`
    const text = (await this.#http.text({ method: 'GET', path, canSendAgain: true, signal })).trim()
    if (text.startsWith('magnet:?')) return text
    throw new StoreError('INTERNAL', 'this is not the answer of a Holdfast manager: no magnet link')
  }

  async activeNodes({ signal }: CallOptions = {}): Promise<ActiveNode[]> {
    return parseActiveNodes(await this.#http.json({ method: 'GET', path: '/active-nodes', canSendAgain: true, signal }))
  }

  /** @returns null where upkeep never ran. @throws ROUTE_NOT_FOUND where the manager is too old to tell */
  async upkeep({ signal }: CallOptions = {}): Promise<Upkeep | null> {
    return parseUpkeep(await this.#http.json({ method: 'GET', path: '/upkeep', canSendAgain: true, signal }))
  }

  /** @throws ROUTE_NOT_FOUND where the manager is too old to tell, UNAUTHORIZED where it wants a ticket */
  async trackerStatus({ signal }: CallOptions = {}): Promise<TrackerStatus> {
    const path = '/tracker/stats'
    const headers = await this.#authorization('GET', path)
    return parseTrackerStatus(await this.#http.json({ method: 'GET', path, headers, canSendAgain: true, signal }))
  }

  /**
   * Has the files of a torrent loaded and stored by the manager. @param torrent the `.torrent`, or a magnet link.
   * @returns the job's id. @throws INVALID_REQUEST, TOO_LARGE, UNAUTHORIZED: it is a route of the operator
   */
  async pullTorrent(
    torrent: Uint8Array<ArrayBuffer> | string,
    { folder, storageClass, signal }: PullOptions = {},
  ): Promise<string> {
    const wish = { path: folder, class: storageClass }
    const isLink = typeof torrent === 'string'
    const body = isLink ? new TextEncoder().encode(JSON.stringify({ ...wish, magnet: torrent })) : torrent
    const path = `/files/from-torrent${isLink ? '' : queryOf(wish)}`
    const headers = {
      'content-type': isLink ? 'application/json' : 'application/x-bittorrent',
      ...(await this.#authorization('POST', path, body)),
    }
    const request = { method: 'POST', path, headers, body: async () => body, canSendAgain: true, signal } as const
    return parseJobId(await this.#http.json(request))
  }

  /** @throws JOB_NOT_FOUND, UNAUTHORIZED: it is a route of the operator */
  async job(id: string, { signal }: CallOptions = {}): Promise<Job> {
    const path = `/jobs/${encodeURIComponent(id)}`
    const headers = await this.#authorization('GET', path)
    return parseJob(await this.#http.json({ method: 'GET', path, headers, canSendAgain: true, signal }))
  }

  async #authorization(method: string, path: string, body = new Uint8Array()): Promise<Record<string, string>> {
    const ticket = (await this.#ticket?.(method, path, body)) ?? null
    return ticket === null ? {} : { authorization: `Bearer ${ticket}` }
  }

  async #upload(
    request: Pick<HttpRequest, 'method' | 'path' | 'headers' | 'reword'>,
    form: BodyForm,
    source: FileSource,
    { signal, onProgress = () => undefined }: UploadOptions,
  ): Promise<unknown> {
    const openable = toOpenable(source)
    const whole = wholeBody(form, source)
    const blob = blobBody(form, source)
    const streamed = { openable, patienceMs: this.#sourcePatienceMs, spent: this.#spent, onProgress }
    const answer = await this.#http.json({
      ...request,
      headers: { ...request.headers, ...(whole !== null && form === rawForm && (await contentDigest(whole))) },
      body: async (watch) => whole ?? blob ?? streamedBody(form, streamed, watch),
      canSendAgain: openable.canSendAgain,
      signal,
    })
    if (whole !== null && source instanceof Uint8Array) onProgress(source.length)
    if (blob !== null) onProgress(blob.size)
    return answer
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

/** Other texts in the place of an id would lead to other routes. */
function idPath(id: string, route = '/files'): string {
  if (isFileId(id) || isLinkId(id)) return `${route}/${id}`
  throw new StoreError('INVALID_REQUEST', 'an id has 24 hex digits, or the 32 of a link')
}

/** Leaves out fields that are undefined or null. @returns nothing where no field is left */
function queryOf(fields: Readonly<Record<string, string | null | undefined>>): string {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)
  if (given.length === 0) return ''
  return `?${given.map(([key, value]) => `${key}=${encodeURIComponent(String(value).toWellFormed())}`).join('&')}`
}

/** @throws INVALID_REQUEST where a date is none */
function textOf(expires: string | Date | undefined): string | undefined {
  if (!(expires instanceof Date)) return expires
  if (Number.isNaN(expires.getTime())) throw new StoreError('INVALID_REQUEST', 'expires is no date')
  return expires.toISOString()
}
