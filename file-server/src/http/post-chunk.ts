import type { IncomingMessage, ServerResponse } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { type CopyId, type Digest, isDigest } from '@holdfast/shared/ids'
import { PART_BYTES } from '@holdfast/shared/limits'
import { bodyDigest } from '@holdfast/shared/node/ticket'
import { z } from 'zod'
import { decodeBody } from '../decode/decode-body.ts'
import type { Gate } from './gate.ts'
import type { TicketedRequest } from './require-ticket.ts'

/** A chunk in base64 fits into this, with some room for the keys. */
const MAX_JSON_BYTES = Math.ceil(PART_BYTES / 3) * 4 + 4_096
/** The whole body may take so long, which is 70 KB/s for the largest. */
const BODY_PATIENCE_MS = 60_000
/** A sender who may be a stranger has so long, for few of them are let in at once. */
const STRANGERS_PATIENCE_MS = 10_000

/** Stores a chunk under its name once, however often that comes. @throws as a Store's `storeCopy` */
export type StorePosted = (copyId: CopyId, bytes: Uint8Array, sha256: Digest) => Promise<unknown>

export interface PostDeps {
  readonly storePosted: StorePosted
  /** Each post has its body in memory. */
  readonly posts: Gate
  /** Whether the ticket is for JSON shows only when all of it is there, so that strangers can send some, too. */
  readonly strangers: Gate
}

const chunkInJson = z.object({ hash: z.custom<Digest>(isDigest, 'not a sha-256'), chunk: z.string() })

/**
 * Stores the chunk of a POST, which belongs to no file: as raw bytes with `?hash=`, or as JSON in base64. The answer is 201
 * with its id when it is durable. A request that is sent again, with the same ticket, stores nothing again. @throws UNAUTHORIZED, DIGEST_MISMATCH, TOO_LARGE, INVALID_REQUEST, DISK_FULL, OVERLOADED
 */
export async function postChunk(
  { storePosted, posts, strangers }: PostDeps,
  request: IncomingMessage,
  response: ServerResponse,
  ticket: TicketedRequest,
): Promise<void> {
  const hash = hashIn(request.url ?? '')
  if (hash !== null) ticket.require(hash)
  using _place = (hash === null ? strangers : posts).enter()
  const body = await (hash === null
    ? readBody(request, MAX_JSON_BYTES, STRANGERS_PATIENCE_MS)
    : readBody(request, PART_BYTES, BODY_PATIENCE_MS))
  if (hash === null) ticket.require(bodyDigest(body))
  const chunk = hash === null ? parseChunk(body) : { hash, bytes: body }
  if (bodyDigest(chunk.bytes) !== chunk.hash)
    throw new StoreError('DIGEST_MISMATCH', 'the chunk does not hash to what was said')
  await storePosted(ticket.copyId, chunk.bytes, chunk.hash)
  response.writeHead(201, {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
    Location: `/chunk/${chunk.hash}`,
  })
  response.end(JSON.stringify({ id: chunk.hash }))
}

/** @returns null where the body has to say it. @throws INVALID_REQUEST */
function hashIn(target: string): Digest | null {
  const hash = new URLSearchParams(target.replace(/^[^?]*/, '')).get('hash')
  if (hash === null) return null
  if (!isDigest(hash)) throw new StoreError('INVALID_REQUEST', 'hash must be a sha-256 of 64 hex digits')
  return hash
}

function parseChunk(body: Buffer): { readonly hash: Digest; readonly bytes: Buffer } {
  const wish = 'send the bytes with ?hash=<sha-256>, or JSON { "hash", "chunk": base64 }'
  let json: unknown
  try {
    json = JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw new StoreError('INVALID_REQUEST', wish, { cause: error })
  }
  const parsed = chunkInJson.safeParse(json)
  if (!parsed.success) throw new StoreError('INVALID_REQUEST', wish, { cause: parsed.error })
  const bytes = decodeBody('base64', Buffer.from(parsed.data.chunk, 'latin1'))
  if (bytes.length > PART_BYTES) throw tooLarge()
  return { hash: parsed.data.hash, bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) }
}

/** @throws TOO_LARGE, REQUEST_TIMEOUT, CANCELLED */
function readBody(request: IncomingMessage, maxBytes: number, patienceMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let sizeBytes = 0
    const end = (error: StoreError | null): void => {
      clearTimeout(late)
      request.off('data', take)
      if (error === null) resolve(Buffer.concat(pieces, sizeBytes))
      else reject(error)
    }
    const take = (piece: Buffer): void => {
      sizeBytes += piece.length
      pieces.push(piece)
      if (sizeBytes > maxBytes) end(tooLarge())
    }
    const late = setTimeout(() => end(new StoreError('REQUEST_TIMEOUT', 'the chunk did not come in time')), patienceMs)
    request.once('end', () => end(null))
    request.once('close', () => end(new StoreError('CANCELLED')))
    request.once('error', () => end(new StoreError('CANCELLED')))
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) end(tooLarge())
    else request.on('data', take)
  })
}

function tooLarge(): StoreError {
  return new StoreError('TOO_LARGE', `a chunk has at most ${PART_BYTES} bytes`)
}
