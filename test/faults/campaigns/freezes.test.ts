import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, expect, inject, test } from 'vitest'
import { runCampaign } from '../campaign.ts'
import { FaultCluster } from '../cluster/fault-cluster.ts'
import { faultCounts, runsOf } from '../counts.ts'
import type { FaultLoad } from '../load/fault-load.ts'
import { announceRun, type Random, runSeed } from '../seed.ts'

const RUN_DEADLINE_MS = 900_000
/** A blink is shorter than every deadline. */
const BLINK_MS = 1_500
/** A coma is longer than the grace of an orphan, so that what a manager meant to record is collected in its sleep. */
const COMA_MS = 6_000
const COMA_SHARE = 0.15
/**
 * This many uploads are served between two freezes that stop everything, because a run of outages alone would have next
 * to no load.
 */
const SERVED_UPLOADS = 120

interface Freezable {
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
}

beforeAll(announceRun)

test.each([...runsOf(faultCounts.freezeFileServer).entries()])(
  'file-servers that freeze and wake under load, run %i, %i times, lose nothing and leave nothing behind',
  async (run, faultCount) => {
    await using cluster = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), managers: 1 })
    const { violations } = await runCampaign({
      kind: 'freezes of file-servers',
      faultCount,
      seed: runSeed.fork(`freeze-file-server-${run}`),
      cluster,
      strike: async ({ cluster: { fileServers } }, random, load) => {
        await freeze(random.pick(fileServers).process, random)
        await load.isServed(SERVED_UPLOADS)
      },
    })
    expect(violations).toEqual([])
  },
  RUN_DEADLINE_MS,
)

test.each([...runsOf(faultCounts.freezeManager).entries()])(
  'managers that freeze and wake under load, run %i, %i times, lose nothing and leave nothing behind',
  async (run, faultCount) => {
    await using cluster = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 3 })
    const { violations } = await runCampaign({
      kind: 'freezes of managers',
      faultCount,
      seed: runSeed.fork(`freeze-manager-${run}`),
      cluster,
      strike: async ({ cluster: { managers } }, random, load) => {
        await freeze(random.pick(managers).process, random)
        await load.isServed(SERVED_UPLOADS)
      },
    })
    expect(violations).toEqual([])
  },
  RUN_DEADLINE_MS,
)

test.each([...runsOf(faultCounts.freezeMongod).entries()])(
  'a mongod that freezes and wakes under load, run %i, %i times, loses nothing and writes nothing twice',
  async (run, faultCount) => {
    await using cluster = await FaultCluster.start({ managers: 1, fileServers: 3 })
    const { violations } = await runCampaign({
      kind: 'freezes of mongod',
      faultCount,
      seed: runSeed.fork(`freeze-mongod-${run}`),
      cluster,
      strike: async ({ mongod }, random: Random, load: FaultLoad) => {
        await freeze(mongod, random)
        await load.isServed(SERVED_UPLOADS)
      },
    })
    expect(violations).toEqual([])
  },
  RUN_DEADLINE_MS,
)

async function freeze(process: Freezable, random: Random): Promise<void> {
  process.signal('SIGSTOP')
  try {
    // The length of the freeze is the fault itself.
    await delay(random.isTrue(COMA_SHARE) ? COMA_MS : random.integer(50, BLINK_MS))
  } finally {
    process.signal('SIGCONT')
  }
}
