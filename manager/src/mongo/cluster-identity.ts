import { randomBytes } from 'node:crypto'
import { type ClusterId, isClusterId } from '@holdfast/shared/ids'
import { StartError } from '@holdfast/shared/node/run-service'
import type { Database } from './database.ts'

/** Records of this format can be read. A database with others is refused, because they would be misread. */
const RECORD_FORMAT = 3

interface ClusterDocument {
  readonly _id: string
  readonly clusterId: string
  readonly format?: number
}

/**
 * Reads the cluster's id, which whichever manager comes first makes with the database. @throws StartError where the records
 * are of another format
 */
export async function readClusterId(database: Database): Promise<ClusterId> {
  const collection = database.connection.collection<ClusterDocument>('cluster')
  const made = { clusterId: randomBytes(8).toString('hex'), format: RECORD_FORMAT, createdAt: new Date() }
  await collection.updateOne({ _id: 'cluster' }, { $setOnInsert: made }, { upsert: true })
  const found = await collection.findOne({ _id: 'cluster' })
  if (!isClusterId(found?.clusterId)) throw new Error('the cluster document of the database is damaged')
  const { format = 1 } = found
  if (format !== RECORD_FORMAT)
    throw new StartError(
      `The database ${database.connection.name} has records of format ${format}, and this version of Holdfast reads format ${RECORD_FORMAT}: start the version that made it, or use an empty database.`,
    )
  return found.clusterId
}
