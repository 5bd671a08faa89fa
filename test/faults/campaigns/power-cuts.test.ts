import { expect, inject, test } from 'vitest'
import { runCampaign } from '../campaign.ts'
import { judgeHistory } from '../check/model.ts'
import { FaultCluster } from '../cluster/fault-cluster.ts'
import { hooked } from '../cluster/hooked.ts'
import { canMakeDisks } from '../cluster/needs-root.ts'
import { OwnMongod } from '../cluster/own-mongod.ts'
import { cutPower } from '../cluster/power-cut.ts'
import { SmallDisk } from '../cluster/small-disk.ts'
import { faultCounts, runsOf } from '../counts.ts'
import { FaultLoad } from '../load/fault-load.ts'
import { LightClient } from '../load/light-client.ts'
import { runSeed } from '../seed.ts'

const MIB = 1024 * 1024
const RUN_DEADLINE_MS = 300_000
/** MongoDB starts anew after each cut, and the load has to be served in between. */
const BOTH_DEADLINE_MS = 900_000
/** Two file-servers share one disk, because the load and not the number of processes is what a power cut hits. */
const machine = { fileServers: 2, managers: 1 }
const load = { clients: 16, maxBytes: 300_000 }

async function restartFileServers({ cluster }: FaultCluster): Promise<void> {
  for (const index of cluster.fileServers.keys()) await cluster.restartFileServer(index)
}

async function cutDataDisk(faults: FaultCluster, disk: SmallDisk): Promise<void> {
  await cutPower(
    faults.cluster.fileServers.map((member) => member.process),
    [disk],
  )
  await restartFileServers(faults)
}

test.each([...runsOf(faultCounts.cutDataDisk).entries()])(
  'row 9, invariants 1, 2 and 6: power cuts of the file-servers’ disk under load lose and change nothing acknowledged, run %i, %i times',
  async (run, faultCount) => {
    if (!canMakeDisks('power cuts of the data disk')) return
    await using disk = await SmallDisk.make({ sizeBytes: 512 * MIB })
    const options = { ...machine, mongoUrl: inject('mongoUrl'), parent: disk.directory }
    await using cluster = await FaultCluster.start(options)
    const { violations } = await runCampaign({
      kind: 'power cuts of the data disk',
      faultCount,
      seed: runSeed.fork(`cut-data-disk-${run}`),
      cluster,
      load,
      strike: async (_cluster, _random, running) => {
        await running.isServed(100)
        await cutDataDisk(cluster, disk)
      },
    })
    expect(violations).toEqual([])
  },
  RUN_DEADLINE_MS,
)

test.each([...runsOf(faultCounts.cutBothDisks).entries()])(
  'row 10, invariants 1 and 2: power cuts of everything, MongoDB and its disk included, lose and change nothing acknowledged, run %i, %i times',
  async (run, faultCount) => {
    if (!canMakeDisks('power cuts of data and MongoDB')) return
    await using dataDisk = await SmallDisk.make({ sizeBytes: 512 * MIB })
    await using mongoDisk = await SmallDisk.make({ sizeBytes: 1024 * MIB })
    await using mongod = await OwnMongod.start(mongoDisk.directory)
    await using cluster = await FaultCluster.start({ ...machine, mongoUrl: mongod.url, parent: dataDisk.directory })
    const { managers, fileServers } = cluster.cluster
    const { violations } = await runCampaign({
      kind: 'power cuts of data and MongoDB',
      faultCount,
      seed: runSeed.fork(`cut-both-disks-${run}`),
      cluster,
      load,
      strike: async (_cluster, _random, running) => {
        // With so many uploads, the time without power does not make the run void.
        await running.isServed(600)
        const processes = [...managers, ...fileServers].map((member) => member.process)
        await cutPower([mongod, ...processes], [dataDisk, mongoDisk])
        await mongod.restart()
        await cluster.cluster.restartManager()
        await restartFileServers(cluster)
      },
    })
    expect(violations).toEqual([])
  },
  BOTH_DEADLINE_MS,
)

test(
  'a power cut of this kind does find it when file-servers sync nothing',
  async () => {
    if (!canMakeDisks('that power cuts find what was not synced')) return
    await using disk = await SmallDisk.make({ sizeBytes: 512 * MIB })
    const fileServerEnvironment = hooked('sync-nothing')
    const options = { ...machine, mongoUrl: inject('mongoUrl'), parent: disk.directory, fileServerEnvironment }
    await using cluster = await FaultCluster.start(options)
    for (const member of cluster.cluster.fileServers) member.process.signal('SIGUSR2')
    const running = FaultLoad.start({ urls: cluster.urls, seed: runSeed.fork('sync-nothing'), ...load })
    try {
      await running.isServed(100)
    } finally {
      // Whatever a load would write after the cut is not at stake, and would be most of it.
      await running.end()
    }
    await cutDataDisk(cluster, disk)
    await cluster.heal()
    using client = new LightClient()
    const kept = [...judgeHistory(running.history.operations)].filter(([, mayHold]) => !mayHold.has(null))
    const statuses = await Promise.all(kept.map(([name]) => client.download(cluster.cluster.url, name)))
    expect(statuses.filter(({ status }) => status !== 200).length).toBeGreaterThan(kept.length / 2)
  },
  RUN_DEADLINE_MS,
)
