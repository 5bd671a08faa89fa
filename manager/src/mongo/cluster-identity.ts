import { randomBytes } from 'node:crypto'
import { type ClusterId, isClusterId } from '@holdfast/shared/ids'
import type { Database } from './database.ts'

/** Reads the cluster's id, which whichever manager comes first makes with the database. */
export async function readClusterId(database: Database): Promise<ClusterId> {
  const collection = database.connection.collection<{ _id: string; clusterId: string }>('cluster')
  const made = { clusterId: randomBytes(8).toString('hex'), createdAt: new Date() }
  await collection.updateOne({ _id: 'cluster' }, { $setOnInsert: made }, { upsert: true })
  const found = await collection.findOne({ _id: 'cluster' })
  if (!isClusterId(found?.clusterId)) throw new Error('the cluster document of the database is damaged')
  return found.clusterId
}
