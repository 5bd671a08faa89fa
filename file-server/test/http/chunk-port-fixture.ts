import { createHash } from 'node:crypto'
import type { Digest } from '@holdfast/shared/ids'
import { bodyDigest, issueTicket } from '@holdfast/shared/node/ticket'
import { afterEach } from 'vitest'
import { ChunkPort } from '../../src/http/chunk-port.ts'
import type { TagsOf } from '../../src/http/verified-parts.ts'
import { Uploads } from '../../src/link/uploads.ts'
import type { StoreOptions } from '../../src/store/open-store.ts'
import type { Store } from '../../src/store/store.ts'
import { quietLog, useDataDirectory } from '../store/store-fixture.ts'

export const SECRET = 'a secret of this test'

export const sha256Of = (bytes: Uint8Array): Digest => createHash('sha256').update(bytes).digest('hex') as Digest

export const inSeconds = (seconds: number): number => Math.ceil(Date.now() / 1000) + seconds

export interface Ask {
  readonly method?: string
  readonly body?: Uint8Array
  readonly headers?: Record<string, string>
  readonly signal?: AbortSignal
  /** Changes what the ticket is for, which is this very request unless given. */
  readonly ticket?: {
    readonly method?: string
    readonly path?: string
    readonly body?: Uint8Array
    readonly server?: string
    readonly secret?: string
    readonly seconds?: number
  } | null
}

/** Opens chunk ports on real stores, which are closed after each test. */
export function useChunkPort() {
  const data = useDataDirectory()
  const ports: ChunkPort[] = []
  afterEach(async () => {
    await Promise.all(ports.splice(0).map((port) => port.close()))
  })
  const open = async (options: Partial<StoreOptions> & { tagsOf?: TagsOf; wrap?: (store: Store) => Store } = {}) => {
    const { tagsOf = async () => null, wrap = (same) => same, ...storeOptions } = options
    const store = wrap(await data.open(storeOptions))
    const uploads = new Uploads(store)
    const port = await ChunkPort.open({
      ...{ host: '127.0.0.1', port: 0, url: null, secret: SECRET, store, tagsOf, log: quietLog },
      storePosted: (copyId, bytes, sha256) => uploads.storePosted(copyId, bytes, sha256),
    })
    ports.push(port)
    /** Sends a request with a ticket for it. */
    const ask = (
      path: string,
      { method = 'GET', body, headers = {}, signal, ticket = {} }: Ask = {},
    ): Promise<Response> => {
      const request = {
        method: ticket?.method ?? method,
        path: ticket?.path ?? path,
        bodySha256: bodyDigest(ticket?.body ?? body ?? ''),
        server: ticket?.server ?? store.serverId,
      }
      const issued = issueTicket(ticket?.secret ?? SECRET, request, inSeconds(ticket?.seconds ?? 60))
      return fetch(port.url + path, {
        method,
        redirect: 'manual',
        headers: { ...headers, ...(ticket !== null && { Authorization: `Bearer ${issued}` }) },
        ...(body !== undefined && { body }),
        ...(signal !== undefined && { signal }),
      })
    }
    const post = (bytes: Uint8Array, hash = sha256Of(bytes), more: Ask = {}): Promise<Response> =>
      ask(`/chunk?hash=${hash}`, { method: 'POST', body: bytes, ...more })
    return { store, port, ask, post }
  }
  return { open, path: data.path }
}
