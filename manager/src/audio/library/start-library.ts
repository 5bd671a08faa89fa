import type { Logger } from '@holdfast/shared/node/logger'
import type { StopStack } from '@holdfast/shared/node/stop-stack'
import type { mongo } from 'mongoose'
import type { FileModel, FileRecord } from '../../files/file.model.ts'
import type { TrackList } from '../track-list.ts'
import { Library } from './library.ts'
import { openLibraryCollections } from './library-documents.ts'
import { LibraryIndex } from './library-index.ts'
import { Marks } from './marks.ts'
import { Playlists } from './playlists.ts'

export interface StartLibraryDeps {
  readonly model: FileModel
  readonly tracks: TrackList
  readonly log: Logger
  readonly stops: StopStack
}

export interface LibrarySlice {
  readonly library: Library
  readonly marks: Marks
  readonly playlists: Playlists
}

/** Prepares what there is besides the tracks: albums and artists, which follow from them, stars, plays, and playlists. */
export async function startLibrary({ model, tracks, log, stops }: StartLibraryDeps): Promise<LibrarySlice> {
  const db = model.db.db as mongo.Db
  const collections = await openLibraryCollections(db)
  const files = model.collection as unknown as mongo.Collection<FileRecord>
  const marks = await Marks.open(db)
  const index = new LibraryIndex({ ...collections, files, marks, log })
  stops.add(() => index.close())
  return {
    library: new Library({ ...collections, tracks, index }),
    marks,
    playlists: new Playlists(db, tracks),
  }
}
