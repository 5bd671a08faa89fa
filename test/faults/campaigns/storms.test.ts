import { expect, inject, test } from 'vitest'
import { openFiles, residentBytes } from '../../cluster/process-measures.ts'
import { runCampaign } from '../campaign.ts'
import { FaultCluster } from '../cluster/fault-cluster.ts'
import { faultCounts, runsOf } from '../counts.ts'
import { runSeed } from '../seed.ts'

const MIB = 1024 * 1024
const RUN_DEADLINE_MS = 900_000
const storm = { fileServers: 20, clients: 500, times: 10 }
/** The manager may have a few connections to the database more than at the start. */
const SPARE_FILES = 24

test(
  `row 28, invariant 9: when ${storm.fileServers} file-servers and ${storm.clients} clients come back at one moment, all are served soon, with bounded memory`,
  async () => {
    const options = { mongoUrl: inject('mongoUrl'), fileServers: storm.fileServers, managers: 1 }
    await using cluster = await FaultCluster.start(options)
    const member = cluster.cluster.managers[0]
    const { violations } = await runCampaign({
      kind: 'reconnect storm',
      faultCount: storm.times,
      seed: runSeed.fork('reconnect-storm'),
      cluster,
      load: { clients: storm.clients, maxBytes: 300_000 },
      strike: async (_cluster, _random, load) => {
        await cluster.killManager(0)
        await load.isServed(storm.clients, 15_000)
        await cluster.cluster.settled()
        expect(await residentBytes(member?.process.pid ?? 0)).toBeLessThan(600 * MIB)
      },
    })
    expect(violations).toEqual([])
  },
  RUN_DEADLINE_MS,
)

test.each([...runsOf(faultCounts.restartStorm).entries()])(
  'row 29, invariants 1, 2 and 9: a file-server that is killed and started over and over under load loses nothing, leaves nothing half, and leaks no listener, run %i, %i times',
  async (run, faultCount) => {
    const options = { mongoUrl: inject('mongoUrl'), fileServers: 2, managers: 1 }
    await using cluster = await FaultCluster.start(options)
    const pid = cluster.cluster.managers[0]?.process.pid ?? 0
    let filesBefore = 0
    const { violations } = await runCampaign({
      kind: 'restart storm',
      faultCount,
      seed: runSeed.fork(`restart-storm-${run}`),
      cluster,
      maxPauseMs: 2_000,
      strike: async (_cluster, _random, load) => {
        if (filesBefore === 0) filesBefore = await openFiles(pid)
        await load.isServed(15)
        await cluster.killFileServer(0)
      },
    })
    expect(violations).toEqual([])
    expect(await openFiles(pid)).toBeLessThan(filesBefore + SPARE_FILES)
    const counts = (await cluster.cluster.activeNodes()).map((node) => node.files)
    expect(counts).toHaveLength(2)
    expect(Math.min(...counts)).toBeGreaterThan(0)
  },
  RUN_DEADLINE_MS,
)
