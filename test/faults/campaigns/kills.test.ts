import { beforeAll, describe, inject, test } from 'vitest'
import { expectNoHarm, runCampaign } from '../campaign.ts'
import { FaultCluster } from '../cluster/fault-cluster.ts'
import { faultCounts, runsOf } from '../counts.ts'
import { announceRun, runSeed } from '../seed.ts'

const RUN_DEADLINE_MS = 900_000

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
})
