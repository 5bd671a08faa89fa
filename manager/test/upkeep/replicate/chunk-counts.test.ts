import { StoreError } from '@holdfast/shared/errors/store-error'
import { expect, test } from 'vitest'
import { ChunkCounts } from '../../../src/upkeep/replicate/chunk-counts.ts'

test('where not all can be marked that have another number of replicas, chunks are counted, and the loop says so', async () => {
  const counts = new ChunkCounts(
    {
      holders: {
        markOthers: () => Promise.reject(new StoreError('DATABASE_UNAVAILABLE')),
        countChunks: async () => [
          { good: 1, chunks: 3, bytes: 30 },
          { good: 2, chunks: 7, bytes: 70 },
        ],
      },
      fileServers: { read: async () => [] },
    },
    2,
  )
  const loop = counts.loop(1_000)
  const { signal } = new AbortController()
  await expect(loop.run(signal)).rejects.toMatchObject({ name: 'DATABASE_UNAVAILABLE' })
  expect(counts.counts).toMatchObject({ total: 10, byReplicas: { 0: 0, 1: 3, 2: 7 } })
})
