import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { type Digest, isServerId } from '@holdfast/shared/ids'
import { bodyDigest, issueTicket, MANAGER_TICKET } from '@holdfast/shared/node/ticket'
import { PathError } from '../node/system-error.ts'
import { readSecret } from './cluster-secret.ts'
import { type Console, printResult } from './console.ts'

const MAX_VALID_SECONDS = 86_400

export interface TicketWish {
  readonly method: string
  readonly path: string
  /** It is a file, or `-` for standard input. */
  readonly body?: string
  /** It is the id of a file-server; without it the ticket is for a manager. */
  readonly server?: string
  readonly validSeconds: number
  readonly secretFile?: string
}

/** Prints a ticket for one request to a manager or a file-server, made on this machine: the secret is not sent, and nobody is asked. */
export async function ticket(console: Console, wish: TicketWish): Promise<void> {
  const request = {
    method: methodOf(wish.method),
    path: pathOf(wish.path),
    bodySha256: wish.body === undefined ? bodyDigest('') : await digestOf(console, wish.body),
    server: serverOf(wish.server),
  }
  const secretText = await readSecret(wish.secretFile ?? null)
  const expiresAt = Math.ceil(Date.now() / 1000) + wish.validSeconds
  const made = issueTicket(secretText, request, expiresAt)
  printResult(console, { ticket: made, expiresAt: new Date(expiresAt * 1000).toISOString() }, made)
}

/** @returns seconds. @throws Error that says what it must be */
export function parseDuration(text: string): number {
  const [, count, unit] = /^(\d{1,9})([smh])$/.exec(text) ?? []
  const seconds = Number(count ?? 0) * (unit === 'h' ? 3600 : unit === 'm' ? 60 : 1)
  if (seconds < 1 || seconds > MAX_VALID_SECONDS) throw new Error('must be such as 30s, 10m or 2h, at most a day')
  return seconds
}

function methodOf(method: string): string {
  if (!/^[a-z]+$/i.test(method)) throw new StoreError('INVALID_REQUEST', 'the method must be such as GET or POST')
  return method.toUpperCase()
}

function serverOf(id: string | undefined): string {
  if (id === undefined) return MANAGER_TICKET
  if (!isServerId(id))
    throw new StoreError(
      'INVALID_REQUEST',
      'a file-server is named by its id of 16 hex digits, as /active-nodes tells it',
    )
  return id
}

/** A path that no client would send like this makes a ticket that fits no request. */
function pathOf(path: string): string {
  if (!/^\/[!-~]*$/.test(path) || path.includes('#'))
    throw new StoreError('INVALID_REQUEST', 'the path must begin with / and be percent-encoded, as it is sent')
  return path
}

async function digestOf({ stdin, signal }: Console, body: string): Promise<Digest> {
  const hash = createHash('sha256')
  const source = body === '-' ? stdin : createReadStream(body)
  const readAll = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of chunks) hash.update(chunk)
  }
  await pipeline(source, readAll, { signal }).catch((error: unknown) => {
    throw new PathError(body === '-' ? 'standard input' : body, error)
  })
  return hash.digest('hex') as Digest
}
