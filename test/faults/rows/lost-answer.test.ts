import { randomBytes } from 'node:crypto'
import mongoose from 'mongoose'
import { expect, inject, test, vi } from 'vitest'
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
    let uploadCount = 0
    const loseAnswer = async (size: number): Promise<void> => {
      const name = `written/${uploadCount++}`
      const held = proxy.holdAnswerTo(insertOfFiles)
      const uploading = client.upload(name, randomBytes(size))
      await held
      await waitUntil(
        'the record is written',
        async () => (await records.collection('files').countDocuments({ name, state: 'live' })) === 1,
      )
      proxy.cut()
      // A busy machine may not be connected anew in the time that a read-back has, and then nobody knows.
      expect(await uploading).toBe(201)
      expect(await client.download(name)).toBe(200)
    }
    for (const size of [3_000, 700_000]) await vi.waitFor(() => loseAnswer(size))
    expect(await checkCluster(faults.view, client.history.operations)).toEqual([])
    expect(await copiesIn(faults.view.directories)).toHaveLength(uploadCount)
  } finally {
    await records.close()
  }
}, 120_000)
