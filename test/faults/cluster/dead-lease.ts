import mongoose from 'mongoose'

interface LeaseDocument {
  readonly _id: string
  readonly holder?: string
}

/**
 * Gives back the lease of a dead manager, because a new one would have to wait a quarter of a minute for its end each
 * time.
 * @param living has the ids of the managers that run
 */
export async function endDeadLease(mongoUrl: string, living: readonly string[]): Promise<void> {
  const connection = await mongoose.createConnection(mongoUrl, { serverSelectionTimeoutMS: 30_000 }).asPromise()
  try {
    const isDead = { _id: 'upkeep', holder: { $nin: [...living] } }
    await connection.collection<LeaseDocument>('leases').updateOne(isDead, { $unset: { holder: '' } })
  } finally {
    await connection.close()
  }
}
