import { randomBytes } from 'node:crypto'
import mongoose from 'mongoose'
import { expect, test } from 'vitest'
import { upload } from '../../cluster/http.ts'
import { residentBytes } from '../../cluster/process-measures.ts'
import { waitUntil } from '../../cluster/wait-until.ts'
import { runCampaign } from '../campaign.ts'
import { insertOfFiles, startBehindProxy } from '../cluster/cluster-behind-proxy.ts'
import { FaultCluster } from '../cluster/fault-cluster.ts'
import { faultCounts, runsOf } from '../counts.ts'
import { runSeed } from '../seed.ts'

const MIB = 1024 * 1024
const RUN_DEADLINE_MS = 900_000
const FROZEN_MS = 30_000
/** If nobody is served meanwhile, an answer is held only this long. */
const HELD_AT_MOST_MS = 1_000
/** A client has to learn within this time that the database is away. */
const TOLD_WITHIN_MS = 3_000
const machine = { managers: 1, fileServers: 2 }

test.each([...runsOf(faultCounts.haltMongod).entries()])(
  `row 6, invariants 1 and 9: a mongod that stands still for ${FROZEN_MS} ms and goes on: 503 in time meanwhile, memory bounded, nothing acknowledged lost, nothing written twice, run %i, %i times`,
  async (run, faultCount) => {
    await using cluster = await FaultCluster.start(machine)
    const { pid } = cluster.cluster.managers[0]?.process ?? { pid: 0 }
    const { violations } = await runCampaign({
      kind: 'mongod stands still',
      faultCount,
      seed: runSeed.fork(`freeze-mongod-${run}`),
      cluster,
      load: { clients: 24, maxBytes: 300_000 },
      strike: async (_cluster, _random, load) => {
        await load.isServed(150)
        const before = await residentBytes(pid)
        cluster.mongod.signal('SIGSTOP')
        const frozenAt = performance.now()
        while (performance.now() - frozenAt < FROZEN_MS) {
          const askedAt = performance.now()
          const { status, code } = await upload(cluster.cluster.url, 'while it stands still', randomBytes(1_000))
          expect(status).toBe(503)
          expect(code).toBe(16)
          expect(performance.now() - askedAt).toBeLessThan(TOLD_WITHIN_MS)
        }
        expect((await residentBytes(pid)) - before).toBeLessThan(150 * MIB)
        cluster.mongod.signal('SIGCONT')
        await load.isServed(4_000, 120_000)
      },
    })
    expect(violations).toEqual([])
  },
  RUN_DEADLINE_MS,
)

test.each([...runsOf(faultCounts.stepDown).entries()])(
  'row 7, invariants 1 and 5: a primary that steps down under load costs nothing acknowledged, and what was unknown is found out by reading, run %i, %i times',
  async (run, faultCount) => {
    await using cluster = await FaultCluster.start(machine)
    const admin = await mongoose.createConnection(cluster.mongod.url).asPromise()
    try {
      const { violations } = await runCampaign({
        kind: 'step-down of the primary',
        faultCount,
        seed: runSeed.fork(`step-down-${run}`),
        cluster,
        strike: async (_cluster, _random, load) => {
          await load.isServed(100)
          await admin.getClient().db('admin').command({ replSetStepDown: 1, force: true })
          await load.isServed(100)
        },
      })
      expect(violations).toEqual([])
    } finally {
      await admin.close()
    }
  },
  RUN_DEADLINE_MS,
)

test.each([...runsOf(faultCounts.loseAnswer).entries()])(
  'row 8, invariants 1 and 5: answers of MongoDB that are lost again and again under load leave nothing acknowledged missing and nothing twice, run %i, %i times',
  async (run, faultCount) => {
    await using behind = await startBehindProxy()
    const { violations } = await runCampaign({
      kind: 'lost answers of MongoDB',
      faultCount,
      seed: runSeed.fork(`lose-answer-${run}`),
      cluster: behind.faults,
      strike: async (_cluster, random, load) => {
        await load.isServed(90)
        await behind.proxy.holdAnswerTo(insertOfFiles)
        // The answer is lost either at once, or after some time in which the other clients go on and those that wait
        // read their records back.
        if (random.isTrue(0.5)) {
          const heldAt = performance.now()
          const servedCount = () => load.history.count('acked', 'upload')
          const enough = servedCount() + 20
          // If all clients went for one name at once, all of them may wait for that answer.
          const isOver = () => servedCount() >= enough || performance.now() - heldAt > HELD_AT_MOST_MS
          await waitUntil('others were served while the answer was held', isOver)
        }
        behind.proxy.cut()
      },
    })
    expect(violations).toEqual([])
  },
  RUN_DEADLINE_MS,
)
