import { beforeAll, expect, test } from 'vitest'
import { expectNoHarm, runCampaign } from './faults/campaign.ts'
import { FaultCluster } from './faults/cluster/fault-cluster.ts'
import { replicatedCluster } from './faults/cluster/replicated-cluster.ts'
import { announceRun, runSeed } from './faults/seed.ts'
import { countOf } from './full-run.ts'

/** Clients come in gusts, because a load without pauses would take what the processes need to start. */
const GUST_MS = 40
/**
 * This many uploads are served between two faults that stop everything, because a run of outages alone would have next
 * to no load.
 */
const SERVED_UPLOADS = 60

const killMongod = async ({ mongod }: FaultCluster): Promise<void> => {
  await mongod.kill()
  await mongod.restart()
}
const kills: readonly ((cluster: FaultCluster) => Promise<void>)[] = [
  ...[0, 1, 2].slice(0, countOf(3, 2)).map((index) => (cluster: FaultCluster) => cluster.killFileServer(index)),
  ...[0, 1].map((index) => (cluster: FaultCluster) => cluster.killManager(index)),
  killMongod,
  ...[1, 2].slice(0, countOf(2, 1)).map(() => (cluster: FaultCluster) => cluster.killAll()),
]

beforeAll(announceRun)

test('kill -9 of each role and of everything, under load, loses and changes nothing acknowledged, shows nothing half and leaks no space', async () => {
  await using cluster = await FaultCluster.start({ ...replicatedCluster, fileServers: 3 })
  const waiting = runSeed.fork('order').random().sample(kills, kills.length)
  const result = await runCampaign({
    kind: 'kill -9 of each role',
    faultCount: waiting.length,
    seed: runSeed.fork('kill-each'),
    cluster,
    load: { storageClass: 'both', gustMs: GUST_MS },
    strike: async (_cluster, _random, load) => {
      await waiting.shift()?.(cluster)
      await load.isServed(SERVED_UPLOADS)
    },
  })
  expect(waiting).toEqual([])
  expectNoHarm(result)
}, 480_000)
