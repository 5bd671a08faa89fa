import { isFileId } from '@holdfast/shared/ids'
import type { Library } from '../../audio/library/library.ts'
import { isAlbumId, isArtistId } from '../../audio/library/library-documents.ts'
import type { Mark, MarkKind, Marks } from '../../audio/library/marks.ts'
import type { Playlists } from '../../audio/library/playlists.ts'
import type { MetadataReader } from '../../audio/metadata/metadata-reader.ts'
import type { Transcoder } from '../../audio/streaming/transcoder.ts'
import type { Track, TrackList } from '../../audio/track-list.ts'
import type { AppContext } from '../../http/request-context.ts'
import type { SendDeps } from '../file-exchange/send-file.ts'
import type { Payload } from './answer.ts'
import type { CallParameters } from './call-parameters.ts'
import { describeSong, type MarksById } from './describe.ts'
import { ProtocolFailure } from './protocol-failure.ts'

export interface CallDeps extends SendDeps {
  readonly library: Library
  readonly marks: Marks
  readonly playlists: Playlists
  readonly tracks: TrackList
  readonly metadata: MetadataReader
  /** It is null where there is no ffmpeg. */
  readonly transcoder: Transcoder | null
}

/** The credentials of such a call are right. */
export interface Call {
  readonly ctx: AppContext
  readonly parameters: CallParameters
  readonly deps: CallDeps
  readonly user: string
}

/** @returns what the answer has, or null where the method has answered itself. @throws ProtocolFailure, StoreError */
export type Method = (call: Call) => Promise<Payload | null>
export type Methods = Readonly<Record<string, Method>>

/** All tracks are in this one folder. */
export const MUSIC_FOLDER = { id: 1, name: 'Music' } as const

export const notFound = (what: string) => new ProtocolFailure('notFound', `${what} not found`)

/** @returns of what kind a thing of this id is. @throws ProtocolFailure 70 where nothing has such an id */
export function kindOf(id: string): MarkKind {
  if (isFileId(id)) return 'song'
  if (isAlbumId(id)) return 'album'
  if (isArtistId(id)) return 'artist'
  throw notFound(id.slice(0, 100))
}

export async function songsWithMarks({ marks }: CallDeps, tracks: readonly Track[]): Promise<Payload[]> {
  const known = await marks.of(tracks.map(({ _id }) => _id.toHexString()))
  return tracks.map((track) => describeSong(track, known))
}

type WithId<Document> = Document & { readonly _id: string }

/** @param describe is told the marks of all of them, which are fetched at once */
export async function withMarks<Document>(
  { marks }: Pick<CallDeps, 'marks'>,
  documents: readonly WithId<Document>[],
  describe: (document: WithId<Document>, marks: MarksById) => Payload,
): Promise<Payload[]> {
  const known = await marks.of(documents.map(({ _id }) => _id))
  return documents.map((document) => describe(document, known))
}

/** Describes what is marked, in the order of the marks, but for what is gone. @param find gives documents by their ids */
export async function describeMarked<Document extends object>(
  marks: readonly Mark[],
  find: (ids: string[]) => Promise<ReadonlyMap<string, Document>>,
  describe: (document: Document, marks: MarksById) => Payload,
): Promise<Payload[]> {
  const [found, known] = [await find(marks.map(({ _id }) => _id)), byId(marks)]
  return marks.flatMap(({ _id }) => found.get(_id) ?? []).map((document) => describe(document, known))
}

export const byId = (marks: readonly Mark[]): MarksById => new Map(marks.map((mark) => [mark._id, mark]))
