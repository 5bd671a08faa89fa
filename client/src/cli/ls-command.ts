import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { hasErrorName, StoreError } from '@holdfast/shared/errors/store-error'
import { bodyDigest, issueTicket, MANAGER_TICKET } from '@holdfast/shared/node/ticket'
import type { FileDescription } from '../answers.ts'
import type { StoreClientOptions } from '../store-client.ts'
import { readGivenSecret } from './cluster-secret.ts'
import type { Console } from './console.ts'
import { formatBytes, formatColumns } from './format.ts'

/** The manager gives at most so many at once. */
const PAGE = 1_000

/** A page is asked for at once, so its ticket need not be good for long. */
const TICKET_SECONDS = 60

export interface LsWish {
  readonly prefix: string | undefined
  readonly shares: boolean
  readonly long: boolean
}

/** Prints the files as they come, page after page. */
export async function ls(console: Console, { prefix = '', shares, long }: LsWish): Promise<void> {
  const { client, stdout, signal } = console
  const files = client.files({ prefix, shares, limit: PAGE, signal })
  const lines = linesOf(files, lineMaker(console, { shares, long }))
  await pipeline(Readable.from(lines), stdout, { end: false, signal }).catch((error: unknown) => {
    if (!hasErrorName(error, 'UNAUTHORIZED')) throw error
    const { detail } = error as StoreError
    const hint = `shares are listed for who has the cluster's secret: set CLUSTER_SECRET, or name its file with --secret-file (${detail})`
    throw new StoreError('UNAUTHORIZED', hint, { cause: error })
  })
}

/**
 * Signs each request by itself, because a ticket is for one page. The secret is one that the user has named, for a ticket
 * by another cluster's should not go to a manager that may keep it. @param secretFile counts more than CLUSTER_SECRET.
 */
export function ticketBy(secretFile: string | null): NonNullable<StoreClientOptions['ticket']> {
  return async (method, path, body) => {
    const secret = await readGivenSecret(secretFile)
    if (secret === null) return null
    const request = { method, path, bodySha256: bodyDigest(body), server: MANAGER_TICKET }
    return issueTicket(secret, request, Math.ceil(Date.now() / 1000) + TICKET_SECONDS)
  }
}

interface LineMaker {
  readonly header: string | null
  readonly line: (file: FileDescription) => string
}

function lineMaker({ client, isJson }: Console, { shares, long }: Pick<LsWish, 'shares' | 'long'>): LineMaker {
  const line = (file: FileDescription): string => (shares ? `${client.urlOf(file)}  ${file.name}` : file.name)
  if (isJson) return { header: null, line: (file) => JSON.stringify({ ...file, url: client.urlOf(file) }) }
  if (!long) return { header: null, line }
  const columns = [
    { title: 'ID', width: shares ? 32 : 24 },
    { title: 'CLASS', width: 'replicated'.length },
    { title: 'SIZE', width: '1023.9 MiB'.length, isNumeric: true },
    { title: 'STORED', width: '2026-01-02T03:04:05Z'.length },
    { title: 'EXPIRES', width: '2026-01-02T03:04:05Z'.length },
    { title: 'NAME', width: 0 },
  ]
  return {
    header: formatColumns(
      columns,
      columns.map(({ title }) => title),
    ),
    line: ({ id, storageClass, sizeBytes, uploadedAt, expiresAt, name }) =>
      formatColumns(columns, [
        id,
        storageClass,
        formatBytes(sizeBytes),
        toSeconds(uploadedAt),
        expiresAt === null ? '-' : toSeconds(expiresAt),
        name,
      ]),
  }
}

async function* linesOf(files: AsyncIterable<FileDescription>, { header, line }: LineMaker): AsyncGenerator<string> {
  if (header !== null) yield `${header}\n`
  for await (const file of files) yield `${line(file)}\n`
}

/** Leaves the milliseconds out. */
function toSeconds(at: string): string {
  return at.replace(/\.\d+Z$/, 'Z')
}
