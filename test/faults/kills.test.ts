import { beforeAll, describe, expect, inject, test } from 'vitest'
import { type Answer, download, upload } from '../http.ts'
import { type CampaignResult, runCampaign } from './campaign.ts'
import { faultCounts, runsOf } from './counts.ts'
import { FaultCluster } from './fault-cluster.ts'
import type { FaultLoad } from './fault-load.ts'
import { announceRun, runSeed } from './seed.ts'

const RUN_DEADLINE_MS = 900_000
/** How soon a client is told that the database is away. */
const TOLD_WITHIN_MS = 3_000
/** Between two faults that stop everything: a run of outages alone would have next to no load. */
const SERVED_UPLOADS = 120

beforeAll(announceRun)

describe('kill -9 under load loses and changes nothing acknowledged, shows nothing half and leaks no space:', () => {
  test.each([...runsOf(faultCounts.killFileServer).entries()])(
    'of file-servers, run %i, %i times',
    async (run, faultCount) => {
      await using cluster = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), managers: 1 })
      const result = await runCampaign({
        kind: 'kill -9 of file-servers',
        faultCount,
        seed: runSeed.fork(`kill-file-server-${run}`),
        cluster,
        strike: async ({ cluster: { fileServers } }, random) =>
          cluster.killFileServer(random.integer(0, fileServers.length - 1)),
        maxPauseMs: 400,
      })
      expectNoHarm(result)
    },
    RUN_DEADLINE_MS,
  )

  test.each([...runsOf(faultCounts.killManager).entries()])(
    'of managers, run %i, %i times',
    async (run, faultCount) => {
      await using cluster = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 3 })
      const result = await runCampaign({
        kind: 'kill -9 of managers',
        faultCount,
        seed: runSeed.fork(`kill-manager-${run}`),
        cluster,
        strike: async ({ cluster: { managers } }, random) =>
          cluster.killManager(random.integer(0, managers.length - 1)),
      })
      expectNoHarm(result)
    },
    RUN_DEADLINE_MS,
  )

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

/** The faults were felt, and did no harm. */
function expectNoHarm({ violations, indeterminateCount }: CampaignResult): void {
  expect(violations).toEqual([])
  expect(indeterminateCount).toBeGreaterThan(0)
}
