import type { AudioTags } from '@holdfast/manager/audio/metadata/metadata'
import type { FileRecord } from '@holdfast/manager/files/file.model'
import mongoose from 'mongoose'
import { makeTracks } from './make-tracks.ts'

const BATCH = 1_000
/** Questions are made of what so many of the tracks have. */
const KNOWN_COUNT = 500

/** Something is found where this is asked for. */
export interface KnownTrack {
  readonly id: string
  readonly name: string
  readonly tags: AudioTags
  readonly words: readonly string[]
}

/** Writes records of tracks into a manager's database, without any bytes on the file-servers. */
export async function fillLibrary(mongoUrl: string, count: number): Promise<KnownTrack[]> {
  const client = new mongoose.mongo.MongoClient(mongoUrl)
  const known: KnownTrack[] = []
  try {
    const files = client.db().collection<FileRecord>('files')
    let batch: FileRecord[] = []
    let made = 0
    for (const record of makeTracks(count)) {
      batch.push(record)
      if (++made % Math.max(1, Math.floor(count / KNOWN_COUNT)) === 0) known.push(knownOf(record))
      if (batch.length < BATCH && made < count) continue
      await files.insertMany(batch, { ordered: false })
      batch = []
    }
  } finally {
    await client.close()
  }
  return known
}

function knownOf({ _id, name, audio }: FileRecord): KnownTrack {
  return { id: _id.toHexString(), name, tags: audio?.tags as AudioTags, words: audio?.keys.words ?? [] }
}
