import { isClusterId } from '@holdfast/shared/ids'
import { afterEach, expect, test } from 'vitest'
import { readClusterId } from '../../src/mongo/cluster-identity.ts'
import { useDatabase } from './mongo-fixture.ts'

const used = useDatabase()
const clusters = () => used.database.connection.collection<{ _id: string }>('cluster')

afterEach(async () => {
  await clusters().deleteMany({})
})

test('managers that come at the same time to a new database agree on one id', async () => {
  const ids = await Promise.all(Array.from({ length: 8 }, () => readClusterId(used.database)))
  expect(isClusterId(ids[0])).toBe(true)
  expect(new Set(ids).size).toBe(1)
})

test('a database with records of another format is refused in one sentence, and left as it is', async () => {
  const older = { _id: 'cluster', clusterId: 'c1'.repeat(8), createdAt: new Date(0) }
  await clusters().insertOne(older)
  await expect(readClusterId(used.database)).rejects.toThrow(
    /^The database test-\w+ has records of format 1, and this version of Holdfast reads format 3: start the version that made it, or use an empty database\.$/,
  )
  expect(await clusters().find().toArray()).toEqual([older])
})
