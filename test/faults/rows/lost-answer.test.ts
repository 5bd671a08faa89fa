import { randomBytes } from 'node:crypto'
import mongoose from 'mongoose'
import { expect, inject, test } from 'vitest'
import { copiesIn } from '../../cluster/disk.ts'
import { waitUntil } from '../../cluster/wait-until.ts'
import { checkCluster } from '../check/check-cluster.ts'
import { insertOfFiles, startBehindProxy } from '../cluster/cluster-behind-proxy.ts'
import { RecordedClient } from '../load/recorded-client.ts'

test('row 8, invariants 1 and 5: an upload whose record was written but whose answer from MongoDB was lost is acknowledged after reading it back, with one record and one copy', async () => {
  await using behind = await startBehindProxy()
  const { faults, proxy } = behind
  const direct = new URL(inject('mongoUrl'))
  direct.pathname = new URL(faults.cluster.mongoUrl).pathname
  const records = await mongoose.createConnection(direct.href).asPromise()
  using client = new RecordedClient(faults.cluster.url)
  try {
    for (const [index, size] of [3_000, 700_000].entries()) {
      const held = proxy.holdAnswerTo(insertOfFiles)
      const uploading = client.upload(`written/${index}`, randomBytes(size))
      await held
      const named = { name: `written/${index}`, state: 'live' }
      await waitUntil(
        'the record is written',
        async () => (await records.collection('files').countDocuments(named)) === 1,
      )
      proxy.cut()
      expect(await uploading).toBe(201)
      expect(await client.download(`written/${index}`)).toBe(200)
    }
    expect(await checkCluster(faults.view, client.history.operations)).toEqual([])
    expect(await copiesIn(faults.view.directories)).toHaveLength(2)
  } finally {
    await records.close()
  }
}, 120_000)
