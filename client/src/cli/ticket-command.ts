import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Digest } from '@holdfast/shared/ids'
import { bodyDigest, issueTicket, MANAGER_TICKET } from '@holdfast/shared/node/ticket'
import { secret } from '@holdfast/shared/settings/parsers'
import { errorCodeOf, PathError } from '../node/system-error.ts'
import { type Console, printResult } from './console.ts'

/** `npm start` keeps the secret of its cluster there, seen from where it was typed. */
export const DEFAULT_SECRET_FILE = join('data', 'cluster-secret')

const MAX_VALID_SECONDS = 86_400

export interface TicketWish {
  readonly method: string
  readonly path: string
  /** A file, or `-` for standard input. */
  readonly body?: string
  readonly validSeconds: number
  readonly secretFile?: string
}

/** Prints a ticket for one request to a manager, made on this machine: the secret is not sent, and nobody is asked. */
export async function ticket(console: Console, wish: TicketWish): Promise<void> {
  const request = {
    method: methodOf(wish.method),
    path: pathOf(wish.path),
    bodySha256: wish.body === undefined ? bodyDigest('') : await digestOf(console, wish.body),
    server: MANAGER_TICKET,
  }
  const secretText = await findSecret(wish.secretFile)
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

async function findSecret(file: string | undefined): Promise<string> {
  const given = process.env.CLUSTER_SECRET?.trim()
  if (file === undefined && given !== undefined && given !== '') return checked(given, 'CLUSTER_SECRET')
  const path = file ?? DEFAULT_SECRET_FILE
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (file === undefined && errorCodeOf(error) === 'ENOENT')
      throw new StoreError(
        'INVALID_REQUEST',
        `the cluster's secret is not here: set CLUSTER_SECRET, or name the file with --secret-file (npm start keeps it as ${DEFAULT_SECRET_FILE})`,
      )
    throw new PathError(path, error)
  })
  return checked(text.trim(), path)
}

function checked(text: string, where: string): string {
  try {
    return secret(text)
  } catch (error) {
    throw new StoreError('INVALID_REQUEST', `${where}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
