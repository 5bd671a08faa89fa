import { StoreError } from '@holdfast/shared/errors/store-error'
import Router from '@koa/router'
import type { Callers } from '../../http/callers.ts'
import { jsonBody } from '../../http/json-body.ts'
import type { RequireOperator } from '../../http/operator.ts'
import { parseQuery } from '../../http/parse-query.ts'
import type { AppContext, RequestState } from '../../http/request-context.ts'
import type { RateLimit } from '../../peers/rate-limit.ts'
import type { TrackerCounts } from '../../peers/stats/tracker-counts.ts'
import { planSearch } from '../../peers/users/search-terms.ts'
import { checkIn, locate, publish, search, type UsersDeps } from '../../peers/users/users.ts'
import { limitCaller, limitNetwork, ownAddress } from './caller.ts'
import {
  CHECK_IN_BYTES,
  type CheckedInAnswer,
  checkIn as checkInBody,
  type Found,
  locateQuery,
  publication,
  searchQuery,
} from './napster.operations.ts'

/** A manager has at most this many searches under way, for each may keep the database busy for more than a second. */
const MAX_SEARCHES = 8

export interface NapsterApiDeps extends UsersDeps {
  readonly callers: Callers
  readonly requireOperator: RequireOperator
  readonly writeLimit: RateLimit
  readonly searchLimit: RateLimit
  readonly counts: TrackerCounts
}

/** Serves the Napster tracker: `POST /user/checkin` and `/user/upload-metadata`, `GET /search`, and `GET /download?id=`. */
export function napsterRoutes(deps: NapsterApiDeps): Router<RequestState> {
  const { callers, requireOperator, writeLimit, searchLimit, counts } = deps
  const router = new Router<RequestState>()
  const readCheckIn = jsonBody(checkInBody, { maxBytes: CHECK_IN_BYTES })
  const readPublication = jsonBody(publication)
  let searchCount = 0

  /** @throws TOO_MANY_REQUESTS, OVERLOADED, and what the search throws */
  async function admitted<T>(ctx: AppContext, look: () => Promise<T>): Promise<T> {
    limitNetwork(searchLimit, callers.networkOf(ctx.req), counts)
    if (searchCount >= MAX_SEARCHES) {
      counts.refused.unavailable += 1
      throw new StoreError('OVERLOADED')
    }
    searchCount++
    return look().finally(() => searchCount--)
  }

  router.post('/user/checkin', async (ctx) => {
    limitCaller(writeLimit, callers.addressOf(ctx.req), counts)
    const { ip, port, ids = null, gone } = await readCheckIn(ctx)
    const address = ownAddress(ctx, ip, { callers, requireOperator })
    const { userId, missing, unknown } = await checkIn(deps, { address, port, ids, gone })
    const answer: CheckedInAnswer = { userId, active: true, missing: [...missing], unknown: [...unknown] }
    ctx.body = answer
  })

  router.post('/user/upload-metadata', async (ctx) => {
    limitCaller(writeLimit, callers.addressOf(ctx.req), counts)
    const { ip, port, fileSize = 0, ...metadata } = await readPublication(ctx)
    const address = ownAddress(ctx, ip, { callers, requireOperator })
    ctx.body = { id: await publish(deps, { address, port }, { ...metadata, fileSize }) }
  })

  router.get('/search', async (ctx) => {
    const { limit, cursor = null, ...wish } = parseQuery(searchQuery, ctx.req.url ?? '')
    const plan = planSearch(wish)
    if (plan === null) throw new StoreError('INVALID_REQUEST', 'name a word in song, artist, album, year or q')
    const page = { limit, after: cursor }
    const { found, next } = await admitted(ctx, () => search(deps, plan, page, callers.scopeOf(ctx.req)))
    const answer: Found = {
      results: found.map(({ track, users }) => {
        const { _id: id, song, artist, album, duration, fileSize, year, checksum } = track
        return { id, song, artist, album, duration, fileSize, year, checksum, users: [...users] }
      }),
      next,
    }
    ctx.body = answer
  })

  router.get('/download', async (ctx, next) => {
    // The audio server has the same path, with a name.
    if (/[?&]name=/.test(ctx.req.url ?? '') && !/[?&]id=/.test(ctx.req.url ?? '')) return next()
    const { id } = parseQuery(locateQuery, ctx.req.url ?? '')
    ctx.body = await admitted(ctx, () => locate(deps, id, callers.scopeOf(ctx.req)))
  })
  return router
}
