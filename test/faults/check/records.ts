import mongoose from 'mongoose'
import type { PlacedFile } from './compare-disks.ts'

/** Reads the records as they stand in the database, past the managers. */
export async function openRecords(mongoUrl: string) {
  const connection = await mongoose.createConnection(mongoUrl, { serverSelectionTimeoutMS: 30_000 }).asPromise()
  const files = connection.collection<PlacedFile>('files')
  return {
    read: () => files.find().toArray(),
    /** Lets the copies of replaced files go, which stay some minutes for the sake of readers. */
    endKeeping: async () => {
      const isKept = { state: 'deleted', bytesDueAt: { $exists: true } }
      await files.updateMany(isKept, [{ $set: { bytesDueAt: '$$NOW' } }])
    },
    [Symbol.asyncDispose]: () => connection.close(),
  }
}
