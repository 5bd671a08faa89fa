import { StoreError } from '@holdfast/shared/errors/store-error'
import { type mongo, Types } from 'mongoose'
import { askDatabase, DURABLE } from '../../mongo/database.ts'
import type { Track, TrackList } from '../track-list.ts'

const MAX_PLAYLISTS = 1_000
export const MAX_SONGS_OF_PLAYLIST = 5_000
const MAX_TEXT_LENGTH = 500
/** A change that keeps meeting others of the same playlist is given up after so many. */
const CHANGE_ATTEMPTS = 10

export interface Playlist {
  readonly _id: Types.ObjectId
  readonly name: string
  readonly comment: string
  readonly isPublic: boolean
  /** A track may stand in it more than once. */
  readonly songs: readonly Types.ObjectId[]
  /** The duration is in seconds. */
  readonly duration: number
  readonly createdAt: Date
  readonly changedAt: Date
  /** Every change raises it. */
  readonly version: number
}

/** A list of playlists has everything but their tracks. */
export type PlaylistSummary = Omit<Playlist, 'songs'> & { readonly songCount: number }

export interface FilledPlaylist {
  readonly playlist: Playlist
  /** These are the playlist's tracks that are there. */
  readonly tracks: readonly Track[]
}

export interface PlaylistChange {
  readonly name?: string | undefined
  readonly comment?: string | undefined
  readonly isPublic?: boolean | undefined
  /** These take the place of all that are there. */
  readonly songs?: readonly string[] | undefined
  readonly added?: readonly string[] | undefined
  /** These are places in the list as it is shown, from 0. They go before others are added. */
  readonly removed?: readonly number[] | undefined
}

/** Keeps playlists. Each change is a compare-and-set, so that of two at the same time none is lost. */
export class Playlists {
  readonly #collection: mongo.Collection<Playlist>
  readonly #tracks: TrackList

  constructor(db: mongo.Db, tracks: TrackList) {
    this.#collection = db.collection<Playlist>('audio_playlists')
    this.#tracks = tracks
  }

  list(): Promise<PlaylistSummary[]> {
    return askDatabase(() =>
      this.#collection
        .aggregate<PlaylistSummary>([
          { $sort: { _id: 1 } },
          { $limit: MAX_PLAYLISTS },
          { $set: { songCount: { $size: '$songs' } } },
          { $unset: 'songs' },
        ])
        .toArray(),
    )
  }

  /** @returns null where there is none of this id */
  async find(id: string): Promise<FilledPlaylist | null> {
    const playlist = await this.#findOne(id)
    if (playlist === null) return null
    const tracks = await this.#tracksOf(playlist.songs.map((id) => id.toHexString()))
    return { playlist: { ...playlist, duration: durationOf(tracks) }, tracks }
  }

  /** @throws FILE_NOT_FOUND for a track that is not there, TOO_MANY_REQUESTS, TOO_LARGE */
  async create(name: string, songs: readonly string[]): Promise<FilledPlaylist> {
    if ((await askDatabase(() => this.#collection.estimatedDocumentCount())) >= MAX_PLAYLISTS)
      throw new StoreError('TOO_MANY_REQUESTS', `there are ${MAX_PLAYLISTS} playlists already`)
    const tracks = await this.#requireTracks(songs)
    const now = new Date()
    const playlist: Playlist = {
      _id: new Types.ObjectId(),
      ...{ name: shorten(name), comment: '', isPublic: false },
      songs: tracks.map(({ _id }) => _id),
      duration: durationOf(tracks),
      ...{ createdAt: now, changedAt: now, version: 0 },
    }
    await askDatabase(() => this.#collection.insertOne(playlist, DURABLE))
    return { playlist, tracks }
  }

  /** @returns what it is then, or null where there is none of this id. @throws as `create` does, and OVERLOADED */
  async change(id: string, change: PlaylistChange): Promise<FilledPlaylist | null> {
    const added = await this.#requireTracks(change.songs ?? change.added ?? [])
    for (let attempt = 0; attempt < CHANGE_ATTEMPTS; attempt++) {
      const current = await this.find(id)
      if (current === null) return null
      const removed = new Set(change.removed)
      const kept = change.songs === undefined ? current.tracks.filter((_, place) => !removed.has(place)) : []
      const tracks = [...kept, ...added]
      requireRoom(tracks.length)
      const { playlist } = current
      const changed: Playlist = {
        ...playlist,
        name: shorten(change.name ?? playlist.name),
        comment: shorten(change.comment ?? playlist.comment),
        isPublic: change.isPublic ?? playlist.isPublic,
        songs: tracks.map(({ _id }) => _id),
        duration: durationOf(tracks),
        changedAt: new Date(),
        version: playlist.version + 1,
      }
      const isSame = { _id: playlist._id, version: playlist.version }
      const { matchedCount } = await askDatabase(() => this.#collection.replaceOne(isSame, changed, DURABLE))
      if (matchedCount === 1) return { playlist: changed, tracks }
    }
    throw new StoreError('OVERLOADED', 'too many others change this playlist at the same time')
  }

  /** @returns whether there was one of this id */
  async delete(id: string): Promise<boolean> {
    const _id = idIn(id)
    if (_id === null) return false
    const { deletedCount } = await askDatabase(() => this.#collection.deleteOne({ _id }, DURABLE))
    return deletedCount === 1
  }

  async #findOne(id: string): Promise<Playlist | null> {
    const _id = idIn(id)
    return _id === null ? null : askDatabase(() => this.#collection.findOne({ _id }))
  }

  async #tracksOf(ids: readonly string[]): Promise<Track[]> {
    const found = await this.#tracks.findAll(ids)
    return ids.flatMap((id) => found.get(id) ?? [])
  }

  async #requireTracks(ids: readonly string[]): Promise<Track[]> {
    requireRoom(ids.length)
    const tracks = await this.#tracksOf(ids)
    if (tracks.length < ids.length) throw new StoreError('FILE_NOT_FOUND', 'one of these songs does not exist')
    return tracks
  }
}

/** Clients know a playlist by this id. */
export const playlistId = ({ _id }: Pick<Playlist, '_id'>): string => `pl-${_id.toHexString()}`

function idIn(id: string): Types.ObjectId | null {
  const [, hex] = /^pl-([0-9a-f]{24})$/.exec(id) ?? []
  return hex === undefined ? null : new Types.ObjectId(hex)
}

function requireRoom(songCount: number): void {
  if (songCount > MAX_SONGS_OF_PLAYLIST)
    throw new StoreError('TOO_LARGE', `a playlist has at most ${MAX_SONGS_OF_PLAYLIST} songs`)
}

function durationOf(tracks: readonly Track[]): number {
  return Math.round(tracks.reduce((sum, { audio }) => sum + Math.max(0, audio.keys.duration), 0))
}

function shorten(text: string): string {
  return text.slice(0, MAX_TEXT_LENGTH).toWellFormed()
}
