import { randomBytes } from 'node:crypto'
import mongoose from 'mongoose'
import { expect, inject } from 'vitest'
import { copiesIn } from './cluster/disk.ts'
import { KIB, SlowSender } from './cluster/fault-clients.ts'
import { request } from './cluster/http.ts'
import { peakBytes, residentBytes } from './cluster/process-measures.ts'
import { TestCluster } from './cluster/test-cluster.ts'
import { waitUntil } from './cluster/wait-until.ts'
import { testInFull } from './full-run.ts'

const MIB = 1024 * 1024
const SENDERS = 1_000
const UPLOAD_MEMORY_MIB = 128
/** Node keeps some of what has come for each connection that is not read from. */
const CONNECTION_BYTES = 192 * KIB
const mib = (bytes: number): string => `${(bytes / MIB).toFixed(0)} MiB`
/** V8 lets so much lie that nobody uses. */
const GARBAGE_BYTES = 96 * MIB

testInFull(
  `invariant 9: ${SENDERS} slow senders hold no more than uploads may, block no small file, and leave nothing`,
  async () => {
    const managerEnvironment = {
      UPLOAD_MEMORY_BYTES: `${UPLOAD_MEMORY_MIB}MiB`,
      // So many processes at once make a slow machine slower.
      ACTIVE_WITHIN_MS: '60000',
      UPKEEP_EVERY_MS: '500',
    }
    await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), managerEnvironment })
    const pid = cluster.managers[0]?.process.pid ?? 0
    let storedCount = 0
    const send = async (sizeBytes: number): Promise<number> => {
      const { status } = await request(`${cluster.url}/upload?name=quick`, {
        method: 'POST',
        body: randomBytes(sizeBytes),
      })
      if (status === 201) storedCount++
      return status
    }
    expect(await send(4 * MIB)).toBe(201)
    const beforeBytes = await residentBytes(pid)
    const first = Buffer.alloc(2 * MIB, 'slow')
    const senders: SlowSender[] = []
    try {
      for (let number = 0; number < SENDERS; number++) {
        // All of them together would hold several times as much as they may.
        senders.push(new SlowSender(cluster.url, `/upload?name=slow-${number}`, { first, sizeBytes: 8 * MIB }))
      }
      // Some wait for memory, until they are refused, and meanwhile others of them are ended.
      await waitUntil(
        'slow senders are refused and ended',
        async () => {
          expect(await send(4 * KIB)).toBe(201)
          const answers = new Set(senders.map(({ answer }) => answer))
          return (answers.has('503 17') && answers.has('408 18')) || [...answers]
        },
        60_000,
      )
      const answers = new Set(senders.map(({ answer }) => answer))
      for (const answer of answers) expect([null, '503 17', '408 18']).toContain(answer)
      const peak = await peakBytes(pid)
      console.log(`${SENDERS} slow senders: manager ${mib(beforeBytes)} before, ${mib(peak)} at most`)
      expect(peak - beforeBytes).toBeLessThan(UPLOAD_MEMORY_MIB * MIB + SENDERS * CONNECTION_BYTES + GARBAGE_BYTES)
    } finally {
      for (const sender of senders) sender[Symbol.dispose]()
    }
    await waitUntil('large files go up again', async () => (await send(4 * MIB)) === 201)
    // Every quick file is one chunk of two replicas.
    const left = { files: storedCount, copies: 2 * storedCount }
    const connection = await mongoose.createConnection(cluster.mongoUrl).asPromise()
    try {
      await waitUntil(`nothing but ${storedCount} quick files is left`, async () => {
        const files = await connection.collection('files').countDocuments({ state: { $in: ['live', 'open'] } })
        const found = { files, copies: (await copiesIn(cluster.directories)).length }
        return JSON.stringify(found) === JSON.stringify(left) || found
      })
    } finally {
      await connection.close()
    }
  },
  180_000,
)
