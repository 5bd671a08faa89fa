import { beforeAll, expect, inject, test } from 'vitest'
import { runCampaign } from '../../campaign.ts'
import { FaultCluster } from '../../cluster/fault-cluster.ts'
import { replicatedCluster } from '../../cluster/replicated-cluster.ts'
import { faultCounts, runsOf } from '../../counts.ts'
import { announceRun, runSeed } from '../../seed.ts'

const RUN_DEADLINE_MS = 900_000
/** So often a manager dies together with the file-server. */
const MANAGER_SHARE = 0.25

beforeAll(announceRun)

test.each([...runsOf(faultCounts.killAmongReplicas).entries()])(
  'class replicated: kill -9 of any of 5 file-servers, and of managers with them, run %i, %i times, loses and changes nothing acknowledged, and every chunk has two replicas again',
  async (run, faultCount) => {
    await using cluster = await FaultCluster.start({ ...replicatedCluster, mongoUrl: inject('mongoUrl') })
    const result = await runCampaign({
      kind: 'kill -9 among replicas',
      faultCount,
      seed: runSeed.fork(`kill-among-replicas-${run}`),
      cluster,
      load: { storageClass: 'replicated' },
      strike: async ({ cluster: { fileServers, managers } }, random) => {
        const kills = [cluster.killFileServer(random.integer(0, fileServers.length - 1))]
        if (random.isTrue(MANAGER_SHARE)) kills.push(cluster.killManager(random.integer(0, managers.length - 1)))
        await Promise.all(kills)
      },
      maxPauseMs: 400,
    })
    // Where one file-server is killed another has the bytes, so that hardly an outcome stays unknown.
    expect(result.violations).toEqual([])
  },
  RUN_DEADLINE_MS,
)
