import { StoreError } from '@holdfast/shared/errors/store-error'
import { bodyDigest } from '@holdfast/shared/node/ticket'
import { parseMagnet } from '@holdfast/shared/node/torrent/magnet'
import { readTorrent, TorrentError } from '@holdfast/shared/node/torrent/metainfo'
import Router from '@koa/router'
import { decodeBase64Field } from '../../bodies/base64-field.ts'
import { readRequestBytes } from '../../bodies/request-bytes.ts'
import type { Callers } from '../../http/callers.ts'
import { jsonBody } from '../../http/json-body.ts'
import type { RequireOperator } from '../../http/operator.ts'
import { parseQuery } from '../../http/parse-query.ts'
import type { AppContext, RequestState } from '../../http/request-context.ts'
import { expectsContinue } from '../../http/server/expects-continue.ts'
import type { Pulls, PullWish } from '../../pulls/pulls.ts'
import { type PullAccepted, pullRequest, torrentQuery } from './from-torrent.operations.ts'

/** A torrent of 200,000 pieces is as large; it has to fit into a document of MongoDB. */
const MAX_TORRENT_BYTES = 4 * 1024 ** 2
/** The whole body may take so long. */
const PATIENCE_MS = 30_000
/** A manager reads at most this many requests at once, for it holds each in memory, and one of another machine's network. */
const MAX_READING = 4
const NO_SOURCE =
  'names no tracker that is asked over HTTP or UDP, and no web seed, to load from (there is no DHT here)'

const readJson = jsonBody(pullRequest, { maxBytes: 2 * MAX_TORRENT_BYTES, patienceMs: PATIENCE_MS })

export interface FromTorrentDeps {
  readonly pulls: Pick<Pulls, 'order'>
  readonly callers: Callers
  readonly requireOperator: RequireOperator
}

/** Serves `POST /files/from-torrent`. It leads out of the cluster wherever a torrent says, so it is for an operator. */
export function fromTorrentRoutes({ pulls, callers, requireOperator }: FromTorrentDeps): Router<RequestState> {
  const router = new Router<RequestState>()
  let readingCount = 0
  const readingNetworks = new Set<string>()
  router.post('/files/from-torrent', async (ctx) => {
    // Who asks is proven by the whole body alone, and nobody else may keep the operator out until it has come.
    requireOperator.beforeBody(ctx)
    const network = callers.networkOf(ctx.req)
    if (readingCount >= MAX_READING || (network !== null && readingNetworks.has(network)))
      throw new StoreError('OVERLOADED')
    readingCount++
    if (network !== null) readingNetworks.add(network)
    const wish = await readWish(ctx, requireOperator).finally(() => {
      readingCount--
      if (network !== null) readingNetworks.delete(network)
    })
    const id = await pulls.order(wish)
    ctx.status = 202
    ctx.set('location', `/jobs/${id}`)
    ctx.body = { id, infoHash: wish.infoHash } satisfies PullAccepted
  })
  return router
}

async function readWish(ctx: AppContext, requireOperator: RequireOperator): Promise<PullWish> {
  if (ctx.is('application/x-bittorrent')) {
    const place = parseQuery(torrentQuery, ctx.req.url ?? '')
    const torrent = await readTorrentBody(ctx)
    requireOperator(ctx, bodyDigest(torrent))
    return wishOf({ torrent, magnet: null, ...place })
  }
  const { torrent, magnet, ...place } = await readJson(ctx, (digest) => requireOperator(ctx, digest))
  if ((torrent === undefined) === (magnet === undefined))
    throw new StoreError('INVALID_REQUEST', 'give either torrent, a .torrent in base64, or magnet, a magnet link')
  return wishOf({ torrent: torrent === undefined ? null : decode(torrent), magnet: magnet ?? null, ...place })
}

interface Given {
  readonly torrent: Buffer | null
  readonly magnet: string | null
  readonly path: string
  readonly class: PullWish['storageClass']
}

/** @throws INVALID_REQUEST in the words of what is wrong with the torrent or the link */
function wishOf({ torrent, magnet, path, class: storageClass }: Given): PullWish {
  const place = { folder: path.normalize('NFC').replace(/\/+$/, ''), storageClass }
  try {
    if (torrent === null) {
      const { infoHash, trackers, exactSources } = parseMagnet(magnet ?? '')
      // A web seed has the bytes, but does not say which they are.
      if (trackers.length + exactSources.length === 0) throw new TorrentError(`the magnet link ${NO_SOURCE}`)
      return { torrent, magnet, infoHash, metainfo: null, ...place }
    }
    const metainfo = readTorrent(torrent)
    if (metainfo.trackers.length + metainfo.webSeeds.length === 0) throw new TorrentError(`the torrent ${NO_SOURCE}`)
    return { torrent, magnet: null, infoHash: metainfo.infoHash, metainfo, ...place }
  } catch (error) {
    if (error instanceof TorrentError) throw new StoreError('INVALID_REQUEST', error.message, { cause: error })
    throw error
  }
}

async function readTorrentBody(ctx: AppContext): Promise<Buffer> {
  const { req, res } = ctx
  if (Number(req.headers['content-length'] ?? 0) > MAX_TORRENT_BYTES) throw tooLarge()
  const beforeFirstRead = expectsContinue(req) ? () => res.writeContinue() : undefined
  const late = AbortSignal.timeout(PATIENCE_MS)
  const caller = { signal: AbortSignal.any([ctx.state.signal, late]) }
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of readRequestBytes(req, { patienceMs: PATIENCE_MS, beforeFirstRead, caller })) {
      size += chunk.length
      if (size > MAX_TORRENT_BYTES) throw tooLarge()
      chunks.push(chunk)
    }
  } catch (error) {
    throw late.aborted ? new StoreError('REQUEST_TIMEOUT', 'the torrent did not come in time') : error
  }
  return Buffer.concat(chunks)
}

function decode(torrent: string): Buffer {
  const bytes = decodeBase64Field(torrent)
  if (bytes.length > MAX_TORRENT_BYTES) throw tooLarge()
  return bytes
}

function tooLarge(): StoreError {
  return new StoreError('TOO_LARGE', `a .torrent may have ${MAX_TORRENT_BYTES} bytes`)
}
