import { beforeAll, describe, expect, test } from 'vitest'
import { type Answer, download, upload } from '../../cluster/http.ts'
import { expectNoHarm, runCampaign } from '../campaign.ts'
import { FaultCluster } from '../cluster/fault-cluster.ts'
import { faultCounts, runsOf } from '../counts.ts'
import type { FaultLoad } from '../load/fault-load.ts'
import { announceRun, runSeed } from '../seed.ts'

const RUN_DEADLINE_MS = 900_000
/** A client has to learn within this time that the database is away. */
const TOLD_WITHIN_MS = 3_000
/**
 * This many uploads are served between two faults that stop everything, because a run of outages alone would have next
 * to no load.
 */
const SERVED_UPLOADS = 120

beforeAll(announceRun)

describe('kill -9 under load loses and changes nothing acknowledged, shows nothing half and leaks no space:', () => {
  test.each([...runsOf(faultCounts.killMongod).entries()])(
    'of mongod, run %i, %i times; clients are told within 3 s',
    async (run, faultCount) => {
      await using cluster = await FaultCluster.start({ managers: 1, fileServers: 3 })
      const result = await runCampaign({
        kind: 'kill -9 of mongod',
        faultCount,
        seed: runSeed.fork(`kill-mongod-${run}`),
        cluster,
        strike: killMongod,
      })
      expectNoHarm(result)
    },
    RUN_DEADLINE_MS,
  )

  test.each([...runsOf(faultCounts.killAll).entries()])(
    'of everything at once, run %i, %i times',
    async (run, faultCount) => {
      await using cluster = await FaultCluster.start({ managers: 1, fileServers: 3 })
      const result = await runCampaign({
        kind: 'kill -9 of everything',
        faultCount,
        seed: runSeed.fork(`kill-all-${run}`),
        cluster,
        strike: async (_cluster, _random, load) => {
          await cluster.killAll()
          await load.isServed(SERVED_UPLOADS)
        },
      })
      expectNoHarm(result)
    },
    RUN_DEADLINE_MS,
  )
})

async function killMongod(cluster: FaultCluster, _random: unknown, load: FaultLoad): Promise<void> {
  await cluster.mongod.kill()
  const { url } = cluster.cluster
  await Promise.all([
    expectAway(() => download(url, 'while-mongod-is-away')),
    expectAway(() => upload(url, 'while-mongod-is-away', Buffer.from('x'))),
  ])
  await cluster.mongod.restart()
  await load.isServed(SERVED_UPLOADS)
}

async function expectAway(ask: () => Promise<Answer>): Promise<void> {
  const askedAt = performance.now()
  const { status, code } = await ask()
  expect([status, code]).toEqual([503, 16])
  expect(performance.now() - askedAt).toBeLessThan(TOLD_WITHIN_MS)
}
