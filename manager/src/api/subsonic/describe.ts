import { type Container, containers } from '../../audio/container.ts'
import {
  type AlbumDocument,
  type ArtistDocument,
  placeInLibrary,
  UNKNOWN_ALBUM,
  UNKNOWN_ARTIST,
} from '../../audio/library/library-documents.ts'
import type { Mark } from '../../audio/library/marks.ts'
import { type FilledPlaylist, type PlaylistSummary, playlistId } from '../../audio/library/playlists.ts'
import type { AudioTags } from '../../audio/metadata/metadata.ts'
import { foldText } from '../../audio/search-text.ts'
import type { Track } from '../../audio/track-list.ts'
import type { Payload } from './answer.ts'

export type MarksById = ReadonlyMap<string, Mark>

/** Describes a track as a child: https://opensubsonic.netlify.app/docs/responses/child/ */
export function describeSong(track: Track, marks: MarksById): Payload {
  const { _id, name, size, createdAt, audio } = track
  const tags = audio.tags as AudioTags
  const { albumId, artistId } = placeInLibrary(track)
  const albumArtist = tags.albumArtist ?? tags.artist ?? UNKNOWN_ARTIST
  const artist = tags.artist ?? albumArtist
  const genres = tags.genre ?? []
  return {
    id: _id.toHexString(),
    parent: albumId,
    isDir: false,
    title: tags.title ?? name.slice(name.lastIndexOf('/') + 1),
    album: tags.album ?? UNKNOWN_ALBUM,
    artist,
    track: tags.track,
    year: tags.year,
    genre: genres[0],
    coverArt: audio.cover === null ? albumId : _id.toHexString(),
    size,
    contentType: contentTypeOf(track),
    suffix: suffixOf(track),
    duration: audio.duration === null ? undefined : Math.round(audio.duration),
    bitRate: audio.bitRate === null ? undefined : Math.round(audio.bitRate / 1000),
    bitDepth: audio.bitDepth ?? undefined,
    samplingRate: audio.sampleRate ?? undefined,
    channelCount: audio.channels ?? undefined,
    path: name,
    isVideo: false,
    ...describeMark(marks.get(_id.toHexString())),
    discNumber: tags.disc,
    created: createdAt.toISOString(),
    albumId,
    // Only artists of albums have ids.
    artistId: foldText(artist) === foldText(albumArtist) ? artistId : undefined,
    type: 'music',
    mediaType: 'song',
    genres: genres.map((genre) => ({ name: genre })),
    displayArtist: artist,
    albumArtists: [{ id: artistId, name: albumArtist }],
    displayAlbumArtist: albumArtist,
  }
}

/** Goes by the bytes, for a name may say anything. */
export function contentTypeOf({ audio }: Pick<Track, 'audio'>): string {
  return containers[audio.container as Container].contentType
}

function suffixOf({ audio }: Track): string {
  if (audio.container === 'ogg' && audio.codec === 'opus') return 'opus'
  return containers[audio.container as Container].ending
}

/** Describes an album by its tags: https://opensubsonic.netlify.app/docs/responses/albumid3/ */
export function describeAlbum(album: AlbumDocument, marks: MarksById): Payload {
  const { _id, name, artist, artistId, year, genres, songCount, duration, createdAt } = album
  return {
    id: _id,
    name,
    artist,
    artistId,
    coverArt: coverOf(album),
    songCount,
    duration,
    created: createdAt.toISOString(),
    ...describeMark(marks.get(_id)),
    year: year === 0 ? undefined : year,
    genre: genres[0],
    genres: genres.map((genre) => ({ name: genre })),
    artists: [{ id: artistId, name: artist }],
    displayArtist: artist,
  }
}

/** Describes an album to clients that browse folders. */
export function describeAlbumFolder(album: AlbumDocument, marks: MarksById): Payload {
  const { name, artistId } = album
  const { artists: _artists, displayArtist: _display, genres: _genres, ...fields } = describeAlbum(album, marks)
  return { ...fields, parent: artistId, isDir: true, title: name, album: name, mediaType: 'album' }
}

/** Describes an artist by tags: https://opensubsonic.netlify.app/docs/responses/artistid3/ */
export function describeArtist(artist: ArtistDocument, marks: MarksById): Payload {
  const { _id, name, albumCount } = artist
  return { id: _id, name, coverArt: coverOf(artist), albumCount, starred: starOf(marks.get(_id)) }
}

/** Describes an artist to clients that browse folders. */
export function describeArtistFolder({ _id, name }: ArtistDocument, marks: MarksById): Payload {
  return { id: _id, name, starred: starOf(marks.get(_id)) }
}

/** Describes a playlist without its tracks: https://opensubsonic.netlify.app/docs/responses/playlist/ */
export function describePlaylist(playlist: PlaylistSummary, owner: string): Payload {
  const { name, comment, isPublic, songCount, duration, createdAt, changedAt } = playlist
  return {
    id: playlistId(playlist),
    name,
    comment: comment === '' ? undefined : comment,
    owner,
    public: isPublic,
    songCount,
    duration,
    created: createdAt.toISOString(),
    changed: changedAt.toISOString(),
  }
}

export function describeFilledPlaylist({ playlist, tracks }: FilledPlaylist, owner: string, marks: MarksById): Payload {
  const summary = { ...playlist, songCount: tracks.length }
  return { ...describePlaylist(summary, owner), entry: tracks.map((track) => describeSong(track, marks)) }
}

function describeMark(mark: Mark | undefined): Payload {
  return { playCount: mark?.playCount ?? 0, played: mark?.playedAt?.toISOString(), starred: starOf(mark) }
}

function starOf(mark: Mark | undefined): string | undefined {
  return mark?.starredAt?.toISOString()
}

/** Its own id leads to the picture, so that clients keep one for all of its tracks. */
function coverOf({ _id, cover }: AlbumDocument | ArtistDocument): string | undefined {
  return cover === null ? undefined : _id
}
