import { randomInt } from 'node:crypto'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { type Endpoint, isReachableFrom, parseAddress, type Scope } from '@holdfast/shared/node/address'
import type { SearchPlan } from './search-terms.ts'
import type { TrackDocument, TrackMetadata, TrackRecords } from './track-records.ts'
import type { FoundTrack } from './track-search.ts'
import type { UserDocument, UserRecords } from './user-records.ts'

export interface UsersDeps {
  readonly users: UserRecords
  readonly tracks: TrackRecords
}

/** Somebody is to be found there. */
export interface PeerAddress {
  readonly ip: string
  readonly port: number
}

export interface CheckIn extends Endpoint {
  /** The user's own database has these ids, if the user tells them. */
  readonly ids: readonly string[] | null
  /** The user has the files of these ids no longer. */
  readonly gone: readonly string[]
}

export interface CheckedIn {
  readonly userId: string
  /** The tracker has these of the user, and the user does not. */
  readonly missing: readonly string[]
  /** The user has these, and the tracker does not. */
  readonly unknown: readonly string[]
}

/** At most this many users are told of one file. */
const MAX_SOURCES = 50
/** This many are looked at where the asker can reach none of the first ones. */
const MANY_SOURCES = 5_000

/** Makes a user active, and compares its ids with the tracker's. @throws TOO_MANY_REQUESTS, DATABASE_UNAVAILABLE */
export async function checkIn({ users, tracks }: UsersDeps, { address, port, ids, gone }: CheckIn): Promise<CheckedIn> {
  const { _id } = await users.require(address, port)
  if (gone.length > 0) await tracks.remove(_id, gone)
  await users.activate(_id)
  // Also where they stood as online: one that was published while the user became active may not.
  await show({ users, tracks }, _id, true)
  if (ids === null) return { userId: _id, missing: [], unknown: [] }
  const known = new Set(await tracks.idsOf(_id))
  const own = new Set(ids)
  return {
    userId: _id,
    missing: [...known].filter((id) => !own.has(id)),
    unknown: [...own].filter((id) => !known.has(id)),
  }
}

/** Marks the files of a user as what the user is. */
export async function show({ users, tracks }: UsersDeps, user: string, isActive: boolean): Promise<void> {
  await tracks.mark(user, isActive)
  if (await users.noteShown(user, isActive)) return
  // The user has become the other meanwhile, and whoever marked the files for that may have done so before.
  await tracks.mark(user, !isActive)
  await users.noteShown(user, !isActive)
}

/** @returns the id of the file. @throws TOO_MANY_REQUESTS, DATABASE_UNAVAILABLE */
export async function publish(
  { users, tracks }: UsersDeps,
  { address, port }: Endpoint,
  metadata: TrackMetadata,
): Promise<string> {
  const user = await users.require(address, port)
  return tracks.publish(user._id, metadata, user.isActive)
}

export interface TrackOfUsers {
  readonly track: FoundTrack
  readonly users: readonly PeerAddress[]
}

/** @returns files with the active users that have them, whom the asker can reach. @throws OVERLOADED, DATABASE_UNAVAILABLE */
export async function search(
  deps: UsersDeps,
  plan: SearchPlan,
  page: { readonly limit: number; readonly after: string | null },
  asker: Scope,
): Promise<{ readonly found: readonly TrackOfUsers[]; readonly next: string | null }> {
  const { tracks, next } = await deps.tracks.search(plan, page)
  const sources = await activeSources(deps, tracks, asker)
  const found = tracks.map((track) => ({ track, users: sources.get(track.content) ?? [] }))
  return { found: found.filter(({ users }) => users.length > 0), next }
}

/** @returns any of the active users that have the file, so that all of them are asked and one that is of no use does no harm. @throws FILE_NOT_FOUND, FILE_UNAVAILABLE, DATABASE_UNAVAILABLE */
export async function locate(
  deps: UsersDeps,
  id: string,
  asker: Scope,
): Promise<PeerAddress & Pick<TrackMetadata, 'checksum' | 'fileSize'>> {
  const track = await deps.tracks.find(id)
  if (track === null) throw new StoreError('FILE_NOT_FOUND')
  const sources = (await activeSources(deps, [track], asker)).get(track.content) ?? []
  const source = sources[randomInt(Math.max(sources.length, 1))]
  if (source === undefined) throw new StoreError('FILE_UNAVAILABLE')
  return { ...source, checksum: track.checksum, fileSize: track.fileSize }
}

/** @returns the active users by content whom the asker can reach, the one that published a track before the others */
async function activeSources(
  { users, tracks }: UsersDeps,
  wanted: readonly Pick<TrackDocument, 'content' | 'user'>[],
  asker: Scope,
): Promise<Map<string, PeerAddress[]>> {
  const find = async (some: typeof wanted, limitEach: number) => {
    const contents = some.map(({ content }) => content)
    const holders = await tracks.findSources(contents, limitEach)
    const full = new Set(contents.filter((content) => (holders.get(content)?.length ?? 0) >= limitEach))
    for (const { content, user } of some) holders.set(content, [user, ...(holders.get(content) ?? [])])
    const active = await users.findActive([...new Set([...holders.values()].flat())])
    const byId = new Map(active.filter((user) => isReachable(user, asker)).map((user) => [user._id, user]))
    const sources = [...holders].map(([content, ids]): [string, PeerAddress[]] => {
      const found = [...new Set(ids)].flatMap((id) => byId.get(id) ?? []).slice(0, MAX_SOURCES)
      return [content, found.map(({ ip, port }) => ({ ip, port }))]
    })
    return { sources: new Map(sources), full }
  }
  const { sources, full } = await find(wanted, MAX_SOURCES)
  const missed = wanted.filter(({ content }) => full.has(content) && sources.get(content)?.length === 0)
  if (missed.length === 0) return sources
  return new Map([...sources, ...(await find(missed, MANY_SOURCES)).sources])
}

function isReachable({ ip }: UserDocument, asker: Scope): boolean {
  const address = parseAddress(ip)
  return address !== null && isReachableFrom(asker, address.scope)
}
