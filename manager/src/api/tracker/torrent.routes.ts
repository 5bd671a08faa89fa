import { StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import type { Digest } from '@holdfast/shared/ids'
import { endpointOf, isReachableFrom, parseAddress } from '@holdfast/shared/node/address'
import { type Bencodable, encodeBencode } from '@holdfast/shared/node/torrent/bencode'
import Router from '@koa/router'
import type { Callers } from '../../http/callers.ts'
import { jsonBody } from '../../http/json-body.ts'
import type { RequireOperator } from '../../http/operator.ts'
import type { AppContext, RequestState } from '../../http/request-context.ts'
import type { HashRecords } from '../../peers/hash-records.ts'
import type { RateLimit } from '../../peers/rate-limit.ts'
import type { OwnSeed } from '../../peers/seed/own-seed.ts'
import { countFailure, type TrackerCounts } from '../../peers/stats/tracker-counts.ts'
import { isOfFamily, type SwarmPeer } from '../../peers/swarms/swarm.ts'
import type { Announce, Swarms } from '../../peers/swarms/swarms.ts'
import { bytesIn, infoHashesIn, numberIn, parseRawQuery, textIn } from './announce-query.ts'
import { limitCaller, ownAddress } from './caller.ts'
import { type PeerList, peersRequest, registration } from './torrent.operations.ts'

const WANTED_UNLESS_SAID = 50
const MOST_WANTED = 200
const MAX_SCRAPED = 74
const MIN_INTERVAL_SECONDS = 30
const ID_BYTES = 20
const KNOWN_EVENTS = ['started', 'stopped', 'completed'] as const

export interface TorrentApiDeps {
  readonly hashes: HashRecords
  readonly swarms: Swarms
  readonly ownSeed: Pick<OwnSeed, 'addTo'>
  readonly counts: TrackerCounts
  readonly callers: Callers
  readonly requireOperator: RequireOperator
  readonly writeLimit: RateLimit
  readonly announceLimit: RateLimit
}

/** Serves the torrent tracker of the document, `POST /hash` and `/peers`, and BitTorrent's own, `GET /announce` and `/scrape`. */
export function torrentRoutes(deps: TorrentApiDeps): Router<RequestState> {
  const { hashes, swarms, counts, callers, requireOperator, writeLimit } = deps
  const router = new Router<RequestState>()
  const readRegistration = jsonBody(registration)
  const readPeersRequest = jsonBody(peersRequest)

  router.post('/hash', async (ctx) => {
    limitCaller(writeLimit, callers.addressOf(ctx.req), counts)
    let bodySha256: Digest | undefined
    const { listening_host, listening_port, info_hash } = await readRegistration(ctx, (digest) => {
      bodySha256 = digest
    })
    const address = ownAddress(ctx, listening_host, { callers, requireOperator, bodySha256 })
    // First, for it is what bounds how many one network registers.
    const hash = await hashes.make(address, listening_port)
    if (info_hash !== undefined) await swarms.allow(info_hash.toLowerCase())
    ctx.body = { hash }
  })

  router.post('/peers', async (ctx) => {
    const caller = callers.addressOf(ctx.req)
    limitCaller(writeLimit, caller, counts)
    let bodySha256: Digest | undefined
    const { hash, listening_host, listening_port } = await readPeersRequest(ctx, (digest) => {
      bodySha256 = digest
    })
    const address = ownAddress(ctx, listening_host, { callers, requireOperator, bodySha256 })
    const peers = await hashes.join(hash, address, listening_port)
    const reachable = peers.filter((peer) => {
      const address = parseAddress(peer.ip)
      return address !== null && isReachableFrom(caller.scope, address.scope)
    })
    const answer: PeerList = {
      peers: reachable.map((peer) => ({ listening_host: peer.ip, listening_port: peer.port })),
    }
    ctx.body = answer
  })

  router.get('/announce', (ctx) => answerBencoded(ctx, counts, () => announce(deps, ctx)))
  router.get('/scrape', (ctx) => answerBencoded(ctx, counts, () => scrape(deps, ctx)))
  return router
}

/** A client of BitTorrent reads why it is refused in the body of an answer of status 200. */
async function answerBencoded(
  ctx: AppContext,
  counts: TrackerCounts,
  answer: () => Promise<Bencodable>,
): Promise<void> {
  ctx.set('Content-Type', 'text/plain')
  try {
    ctx.body = encodeBencode(await answer())
  } catch (thrown) {
    const error = toStoreError(thrown)
    if (error.name === 'INTERNAL') throw thrown
    countFailure(counts, error)
    ctx.body = encodeBencode({ 'failure reason': error.detail ?? error.message })
  }
}

async function announce(deps: TorrentApiDeps, ctx: AppContext): Promise<Bencodable> {
  const { swarms, ownSeed, counts, callers, announceLimit } = deps
  const address = callers.addressOf(ctx.req)
  limitCaller(announceLimit, address, counts)
  const query = parseRawQuery(ctx.req.url ?? '')
  const [infoHash = ''] = infoHashesIn(query)
  const [peerId] = bytesIn(query, 'peer_id')
  const port = numberIn(query, 'port') ?? 0
  if (peerId?.length !== ID_BYTES) throw new StoreError('INVALID_REQUEST', 'peer_id must have 20 bytes')
  if (port < 1 || port > 65_535) throw new StoreError('INVALID_REQUEST', 'port must be between 1 and 65535')
  const wanted = numberIn(query, 'numwant') ?? WANTED_UNLESS_SAID
  const said = textIn(query, 'event')
  const wish: Announce = {
    ...{ infoHash, peerId, family: null, isSeed: numberIn(query, 'left') === 0 },
    // `ip`, `ipv4` and `ipv6` of a query are not looked at: a peer is where its request comes from.
    endpoint: { address, port },
    event: KNOWN_EVENTS.find((event) => event === said) ?? null,
    wanted: Math.min(wanted < 0 ? WANTED_UNLESS_SAID : wanted, MOST_WANTED),
  }
  const found = await swarms.announce(wish)
  if (found === null) {
    counts.refused.notTracked += 1
    return { 'failure reason': 'this info-hash is not tracked here' }
  }
  const answer = await ownSeed.addTo(found, wish, () => parseAddress(ctx.req.socket.localAddress ?? ''))
  counts.announces.http += 1
  const isCompact = textIn(query, 'compact') !== '0'
  const six = compactList(answer.peers, 6)
  return {
    interval: swarms.intervalSeconds,
    'min interval': Math.min(MIN_INTERVAL_SECONDS, swarms.intervalSeconds),
    complete: answer.seeds,
    incomplete: answer.leechers,
    downloaded: answer.downloaded,
    peers: isCompact ? compactList(answer.peers, 4) : answer.peers.map(describePeer),
    ...(isCompact && six.length > 0 && { peers6: six }),
  }
}

function compactList(peers: readonly SwarmPeer[], family: 4 | 6): Buffer {
  const ofFamily = peers.filter((peer) => isOfFamily(peer, family))
  return Buffer.from(ofFamily.map(({ key }) => key).join(''), 'latin1')
}

function describePeer({ key, peerId }: SwarmPeer): Bencodable {
  const endpoint = endpointOf(Buffer.from(key, 'latin1'))
  return { 'peer id': Buffer.from(peerId, 'latin1'), ip: endpoint?.address.ip, port: endpoint?.port }
}

async function scrape(
  { swarms, counts, callers, announceLimit }: TorrentApiDeps,
  ctx: AppContext,
): Promise<Bencodable> {
  limitCaller(announceLimit, callers.addressOf(ctx.req), counts)
  const infoHashes = infoHashesIn(parseRawQuery(ctx.req.url ?? '')).slice(0, MAX_SCRAPED)
  const found = await Promise.all(infoHashes.map((infoHash) => swarms.scrape(infoHash)))
  const files: Record<string, Bencodable> = {}
  for (const [index, counts] of found.entries()) {
    const key = Buffer.from(infoHashes[index] ?? '', 'hex').toString('latin1')
    if (counts !== null)
      files[key] = { complete: counts.seeds, downloaded: counts.downloaded, incomplete: counts.leechers }
  }
  counts.scrapes.http += 1
  return { files, flags: { min_request_interval: swarms.intervalSeconds } }
}
