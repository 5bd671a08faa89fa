import type { IncomingMessage } from 'node:http'
import { StoreError, toStoreError } from '@holdfast/shared/errors/store-error'
import { endpointOf, isReachableFrom, parseAddress } from '@holdfast/shared/node/address'
import { type Bencodable, encodeBencode } from '@holdfast/shared/node/torrent/bencode'
import type { Callers } from '../../http/callers.ts'
import { jsonBody } from '../../http/json-body.ts'
import type { RequireOperator } from '../../http/operator.ts'
import { BareRouter } from '../../http/server/bare-router.ts'
import type { HashRecords } from '../../peers/hash-records.ts'
import type { RateLimit } from '../../peers/rate-limit.ts'
import type { OwnSeed } from '../../peers/seed/own-seed.ts'
import { countFailure, type TrackerCounts } from '../../peers/stats/tracker-counts.ts'
import { isOfFamily, type SwarmPeer } from '../../peers/swarms/swarm.ts'
import type { Announce, AnnounceAnswer, Swarms } from '../../peers/swarms/swarms.ts'
import { bytesIn, infoHashesIn, numberIn, parseRawQuery, textIn } from './announce-query.ts'
import { ConnectionCallers, limitCaller, ownAddress } from './caller.ts'
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

/** Clients of BitTorrent keep a connection and ask the same again, so it is remembered where it comes from. */
type AnnounceDeps = Omit<TorrentApiDeps, 'callers'> & { readonly callers: ConnectionCallers }

/** Serves the torrent tracker of the document, `POST /hash` and `/peers`, and BitTorrent's own, `GET /announce` and `/scrape`. */
export function torrentRoutes(deps: TorrentApiDeps): BareRouter {
  const { hashes, swarms, counts, callers, requireOperator, writeLimit } = deps
  const router = new BareRouter()
  const readRegistration = jsonBody(registration)
  const readPeersRequest = jsonBody(peersRequest)

  router.post('/hash', async (ctx) => {
    limitCaller(writeLimit, callers.addressOf(ctx.req), counts)
    const { listening_host, listening_port, info_hash } = await readRegistration(ctx)
    const address = ownAddress(ctx, listening_host, { callers, requireOperator })
    // First, for it is what bounds how many one network registers.
    const hash = await hashes.make(address, listening_port)
    if (info_hash !== undefined) await swarms.allow(info_hash.toLowerCase())
    ctx.body = { hash }
  })

  router.post('/peers', async (ctx) => {
    const caller = callers.addressOf(ctx.req)
    limitCaller(writeLimit, caller, counts)
    const { hash, listening_host, listening_port } = await readPeersRequest(ctx)
    const address = ownAddress(ctx, listening_host, { callers, requireOperator })
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

  const announceDeps = { ...deps, callers: new ConnectionCallers(callers) }
  router.getBare('/announce', (request) => answerBencoded(counts, () => announce(announceDeps, request)))
  router.getBare('/scrape', (request) => answerBencoded(counts, () => scrape(announceDeps, request)))
  return router
}

/** A client of BitTorrent reads why it is refused in the body of an answer of status 200. */
async function answerBencoded(counts: TrackerCounts, answer: () => Promise<string>): Promise<string> {
  try {
    return await answer()
  } catch (thrown) {
    const error = toStoreError(thrown)
    if (error.name === 'INTERNAL') throw thrown
    countFailure(counts, error)
    return failure(error.detail ?? error.message)
  }
}

function failure(reason: string): string {
  return bencodedText({ 'failure reason': reason })
}

function bencodedText(value: Bencodable): string {
  return encodeBencode(value).toString('latin1')
}

async function announce(deps: AnnounceDeps, request: IncomingMessage): Promise<string> {
  const { swarms, ownSeed, counts, callers, announceLimit } = deps
  const address = callers.addressOf(request)
  limitCaller(announceLimit, address, counts)
  const query = parseRawQuery(request.url ?? '')
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
    return failure('this info-hash is not tracked here')
  }
  const answer = await ownSeed.addTo(found, wish, () => parseAddress(request.socket.localAddress ?? ''))
  counts.announces.http += 1
  return announceAnswer(answer, textIn(query, 'compact') !== '0', swarms.intervalSeconds)
}

/** Nothing is encoded as often, so it is written out. The keys of a dictionary are sorted. */
function announceAnswer(answer: AnnounceAnswer, isCompact: boolean, interval: number): string {
  const { seeds, leechers, downloaded, peers } = answer
  const counts = `8:completei${seeds}e10:downloadedi${downloaded}e10:incompletei${leechers}e`
  const intervals = `8:intervali${interval}e12:min intervali${Math.min(MIN_INTERVAL_SECONDS, interval)}e`
  const list = isCompact ? compactLists(peers) : `5:peers${bencodedText(peers.map(describePeer))}`
  return `d${counts}${intervals}${list}e`
}

function compactLists(peers: readonly SwarmPeer[]): string {
  let [four, six] = ['', '']
  for (const peer of peers) {
    if (isOfFamily(peer, 4)) four += peer.key
    else six += peer.key
  }
  return `5:peers${four.length}:${four}${six === '' ? '' : `6:peers6${six.length}:${six}`}`
}

function describePeer({ key, peerId }: SwarmPeer): Bencodable {
  const endpoint = endpointOf(Buffer.from(key, 'latin1'))
  return { 'peer id': Buffer.from(peerId, 'latin1'), ip: endpoint?.address.ip, port: endpoint?.port }
}

async function scrape(
  { swarms, counts, callers, announceLimit }: AnnounceDeps,
  request: IncomingMessage,
): Promise<string> {
  limitCaller(announceLimit, callers.addressOf(request), counts)
  const infoHashes = infoHashesIn(parseRawQuery(request.url ?? '')).slice(0, MAX_SCRAPED)
  const found = await Promise.all(infoHashes.map((infoHash) => swarms.scrape(infoHash)))
  const files: Record<string, Bencodable> = {}
  for (const [index, counts] of found.entries()) {
    const key = Buffer.from(infoHashes[index] ?? '', 'hex').toString('latin1')
    if (counts !== null)
      files[key] = { complete: counts.seeds, downloaded: counts.downloaded, incomplete: counts.leechers }
  }
  counts.scrapes.http += 1
  return bencodedText({ files, flags: { min_request_interval: swarms.intervalSeconds } })
}
