import { beforeAll, expect, test } from 'vitest'
import { runCampaign } from './faults/campaign.ts'
import { FaultCluster } from './faults/cluster/fault-cluster.ts'
import { canMakeDisks } from './faults/cluster/needs-root.ts'
import { OwnMongod } from './faults/cluster/own-mongod.ts'
import { cutPower } from './faults/cluster/power-cut.ts'
import { SmallDisk } from './faults/cluster/small-disk.ts'
import { announceRun, runSeed } from './faults/seed.ts'
import { countOf } from './full-run.ts'

const MIB = 1024 * 1024
/** This many uploads are served before the cut, so that there is something to lose. */
const SERVED_UPLOADS = countOf(200, 100)

beforeAll(announceRun)

test('a power cut of everything, MongoDB and its disk included, loses and changes nothing acknowledged', async () => {
  if (!canMakeDisks('a power cut of data and MongoDB')) return
  await using dataDisk = await SmallDisk.make({ sizeBytes: 512 * MIB })
  await using mongoDisk = await SmallDisk.make({ sizeBytes: 1024 * MIB })
  await using mongod = await OwnMongod.start(mongoDisk.directory)
  const options = { fileServers: 2, managers: 1, mongoUrl: mongod.url, parent: dataDisk.directory }
  await using faults = await FaultCluster.start(options)
  const { cluster } = faults
  const { violations } = await runCampaign({
    kind: 'a power cut of everything',
    faultCount: 1,
    seed: runSeed.fork('cut-once'),
    cluster: faults,
    load: { maxBytes: 300_000, gustMs: countOf(0, 40) },
    strike: async (_faults, _random, load) => {
      await load.isServed(SERVED_UPLOADS)
      const processes = [...cluster.managers, ...cluster.fileServers].map((member) => member.process)
      await cutPower([mongod, ...processes], [dataDisk, mongoDisk])
      await mongod.restart()
      await cluster.restartManager()
      for (const index of cluster.fileServers.keys()) await cluster.restartFileServer(index)
    },
  })
  expect(violations).toEqual([])
}, 480_000)
