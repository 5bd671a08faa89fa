import { beforeAll, expect, test } from 'vitest'
import { expectNoHarm, runCampaign } from './faults/campaign.ts'
import { FaultCluster } from './faults/cluster/fault-cluster.ts'
import { announceRun, runSeed } from './faults/seed.ts'

/** Clients come in gusts: what a load without pauses takes is what processes that start would need. */
const GUST_MS = 80
/** So many are served between two faults that stop everything: a run of outages alone would have next to no load. */
const SERVED_UPLOADS = 120

const kills: readonly ((cluster: FaultCluster) => Promise<void>)[] = [
  (cluster) => cluster.killFileServer(0),
  (cluster) => cluster.killFileServer(1),
  (cluster) => cluster.killManager(0),
  (cluster) => cluster.killManager(1),
  async ({ mongod }) => {
    await mongod.kill()
    await mongod.restart()
  },
  (cluster) => cluster.killAll(),
]
const ROUNDS = 2

beforeAll(announceRun)

test('kill -9 of each role and of everything, under load, loses and changes nothing acknowledged, shows nothing half and leaks no space', async () => {
  await using cluster = await FaultCluster.start({ managers: 2, fileServers: 3 })
  const rounds = Array.from({ length: ROUNDS }, (_, round) => runSeed.fork(`kills-${round}`).random())
  const waiting = rounds.flatMap((random) => random.sample(kills, kills.length))
  const result = await runCampaign({
    kind: 'kill -9 of each role',
    faultCount: waiting.length,
    seed: runSeed.fork('kill-each'),
    cluster,
    load: { gustMs: GUST_MS },
    strike: async (_cluster, _random, load) => {
      await waiting.shift()?.(cluster)
      await load.isServed(SERVED_UPLOADS)
    },
  })
  expect(waiting).toEqual([])
  expectNoHarm(result)
}, 240_000)
