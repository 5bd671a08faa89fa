import { randomUUID } from 'node:crypto'
import { describeTrack, type TrackDocument } from '@holdfast/manager/peers/users/track-records'
import type { UserDocument } from '@holdfast/manager/peers/users/user-records'
import mongoose from 'mongoose'
import type { Catalogue } from './catalogue.ts'

const BATCH = 2_000
const IN_FLIGHT = 4
const USERS_OF_ADDRESS = 64
/** No heartbeat is due before. */
const NEVER = new Date('2100-01-01')

/**
 * Stores users who are online, and their tracks, as a manager would that they tell of them, but in large groups: its own way
 * takes many minutes for a million. Indexes are made anew afterwards, which is faster than to keep them.
 */
export async function fillTracks(
  mongoUrl: string,
  catalogue: Catalogue,
  { count, users }: { readonly count: number; readonly users: number },
): Promise<void> {
  const connection = await mongoose.createConnection(mongoUrl, { writeConcern: { w: 1 } }).asPromise()
  try {
    const tracks = connection.collection<TrackDocument>('peer_tracks')
    const indexes = (await tracks.indexes()).filter(({ name }) => name !== '_id_')
    await tracks.dropIndexes()
    const userDocuments = Array.from({ length: users }, (_, number) => userOf(number))
    await connection.collection<UserDocument>('peer_users').insertMany(userDocuments, { ordered: false })
    const batches = batchesOf(tracksOf(catalogue, userDocuments, count))
    const write = async (): Promise<void> => {
      for (const batch of batches) await tracks.insertMany(batch, { ordered: false })
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, write))
    // Before a majority has the indexes, a manager's reads are refused (SnapshotUnavailable).
    const majority = connection.db?.collection('peer_tracks', { writeConcern: { w: 'majority' } })
    await majority?.createIndexes(indexes.map(({ v: _, key, ...options }) => ({ key, ...options })))
  } finally {
    await connection.close()
  }
}

function userOf(number: number): UserDocument {
  const address = Math.floor(number / USERS_OF_ADDRESS)
  const bytes = [127, 78, address >> 8, address & 255]
  return {
    ...{ _id: randomUUID(), ip: bytes.join('.'), network: Buffer.from(bytes).toString('hex') },
    port: 20_000 + (number % USERS_OF_ADDRESS),
    ...{ isActive: true, isShown: true, unanswered: 0, nextBeatAt: NEVER, seenAt: new Date() },
  }
}

function* tracksOf(catalogue: Catalogue, users: readonly UserDocument[], count: number): Generator<TrackDocument> {
  for (const [number, { _id: user }] of users.entries()) {
    const share = Math.floor((count * (number + 1)) / users.length) - Math.floor((count * number) / users.length)
    for (const recording of catalogue.recordingsOf(number, share))
      yield { _id: randomUUID(), user, isOnline: true, ...describeTrack(catalogue.recording(recording)) }
  }
}

/** Several may take batches of one generator. */
function* batchesOf(documents: Iterable<TrackDocument>): Generator<TrackDocument[]> {
  let batch: TrackDocument[] = []
  for (const document of documents) {
    batch.push(document)
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
