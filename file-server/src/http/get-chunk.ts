import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import { type ByteRange, byteRangeOf } from '@holdfast/shared/node/byte-range'
import type { ChunkRequest } from '@holdfast/shared/node/chunk-url'
import { writeUnlessStalled } from '@holdfast/shared/node/write-unless-stalled'
import type { NamedCopy } from '@holdfast/shared/wire/shapes'
import type { CopyReader, Store } from '../store/store.ts'
import type { Gate } from './gate.ts'
import { type TagsOf, verifiedParts } from './verified-parts.ts'

export interface GetDeps {
  readonly store: Store
  readonly tagsOf: TagsOf
  /** Each download has two parts in memory at most. */
  readonly downloads: Gate
}

/**
 * Answers a GET or HEAD that has a ticket with a chunk, or one range of it.
 * @throws FILE_NOT_FOUND, FILE_UNAVAILABLE, RANGE_NOT_SATISFIABLE, OVERLOADED
 */
export async function getChunk(
  deps: GetDeps,
  request: IncomingMessage,
  response: ServerResponse,
  asked: ChunkRequest,
): Promise<void> {
  using _place = deps.downloads.enter()
  const gone = new AbortController()
  response.once('close', () => gone.abort(new StoreError('CANCELLED')))
  const copy = asked.copy ?? (await deps.store.findCopy(asked.sha256))
  if (copy === null) throw new StoreError('FILE_NOT_FOUND', 'this file-server has no such chunk')
  await using reader = await openCopy(deps.store, copy)
  setHeaders(response, asked)
  const range = request.method === 'HEAD' ? null : takeRange(request, response, reader.sizeBytes)
  const { start, end } = range ?? { start: 0, end: reader.sizeBytes }
  response.statusCode = range === null ? 200 : 206
  response.setHeader('Content-Length', end - start)
  if (request.method === 'HEAD') {
    response.end()
    return
  }
  const bytes = soundParts(copy, verifiedParts(reader, copy, { start, end }, deps.tagsOf, gone.signal))
  // The first part is there, and right, before the headers go: until then an error can still be an answer.
  const first = await bytes.next()
  await pipeline(writeUnlessStalled(response, first.value ?? Buffer.alloc(0), bytes), response)
}

/** A copy that is damaged cannot be had here. */
async function* soundParts({ copyId }: NamedCopy, parts: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* parts
  } catch (error) {
    if (!hasErrorName(error, 'DIGEST_MISMATCH')) throw error
    throw new StoreError('FILE_UNAVAILABLE', undefined, { cause: new Error(`copy ${copyId} is damaged`) })
  }
}

/** A copy that was deleted meanwhile, or whose slot another one has, is not there. */
async function openCopy(store: Store, copy: NamedCopy): Promise<CopyReader> {
  try {
    return await store.openCopy(copy)
  } catch (error) {
    if (!hasErrorName(error, 'COPY_NOT_FOUND', 'COPY_MISMATCH')) throw error
    throw new StoreError('FILE_NOT_FOUND', 'this file-server has no such chunk', { cause: error })
  }
}

function setHeaders(response: ServerResponse, { sha256, direct }: ChunkRequest): void {
  const headers: Record<string, string> = {
    ETag: `"${sha256}"`,
    'Accept-Ranges': 'bytes',
    'Content-Type': 'application/octet-stream',
    'Cache-Control': 'private, no-cache',
    'Content-Security-Policy': "sandbox; default-src 'none'",
    'Cross-Origin-Resource-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
    // The address of the page has a ticket in it.
    'Referrer-Policy': 'no-referrer',
    ...(direct !== null && {
      'Content-Type': direct.contentType,
      'Content-Disposition': direct.disposition,
      'Last-Modified': new Date(direct.modifiedAt * 1000).toUTCString(),
    }),
  }
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
}

/** @throws RANGE_NOT_SATISFIABLE */
function takeRange(request: IncomingMessage, response: ServerResponse, sizeBytes: number): ByteRange | null {
  const ifRange = request.headers['if-range']
  const validators = [response.getHeader('ETag'), response.getHeader('Last-Modified')]
  if (ifRange !== undefined && !validators.includes(ifRange)) return null
  response.setHeader('Content-Range', `bytes */${sizeBytes}`) // a refusal of the range says this
  const range = byteRangeOf(request.headers.range, sizeBytes)
  response.removeHeader('Content-Range')
  if (range !== null) response.setHeader('Content-Range', `bytes ${range.start}-${range.end - 1}/${sizeBytes}`)
  return range
}
