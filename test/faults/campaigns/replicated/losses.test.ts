import { beforeAll, expect, inject, test } from 'vitest'
import { runCampaign } from '../../campaign.ts'
import { waitForHeal } from '../../check/wait-for-heal.ts'
import { FaultCluster } from '../../cluster/fault-cluster.ts'
import { loseDirectory, OldCopy } from '../../cluster/lost-disks.ts'
import { sureCluster } from '../../cluster/replicated-cluster.ts'
import { faultCounts, runsOf } from '../../counts.ts'
import { announceRun, runSeed } from '../../seed.ts'

const RUN_DEADLINE_MS = 1_800_000
/** So often a manager dies while the loss is healed. */
const MANAGER_SHARE = 0.5
/** This many uploads come before a loss, and between an old copy and its return. */
const UPLOADS_BETWEEN = 300

beforeAll(announceRun)

test.each([...runsOf(faultCounts.loseDirectory).entries()])(
  'class replicated: one of 5 data directories is removed, run %i, %i times: nothing acknowledged is lost, and every chunk has two replicas again before the next one goes',
  async (run, faultCount) => {
    await using cluster = await FaultCluster.start({ ...sureCluster, mongoUrl: inject('mongoUrl') })
    const { violations } = await runCampaign({
      kind: 'removed directories',
      faultCount,
      seed: runSeed.fork(`lose-directory-${run}`),
      cluster,
      load: { storageClass: 'replicated' },
      strike: async ({ cluster: { fileServers, managers } }, random, load) => {
        await load.isServed(UPLOADS_BETWEEN)
        expect(await loseDirectory(cluster, random.integer(0, fileServers.length - 1))).toBeGreaterThan(0)
        if (random.isTrue(MANAGER_SHARE)) await cluster.killManager(random.integer(0, managers.length - 1))
        await cluster.endDeadLease()
        await waitForHeal(cluster.view)
      },
    })
    expect(violations).toEqual([])
  },
  RUN_DEADLINE_MS,
)

test.each([...runsOf(faultCounts.restoreDirectory).entries()])(
  'class replicated: one of 5 data directories becomes an old copy of itself, run %i, %i times: nothing acknowledged is lost, nothing deleted comes back, and every chunk has two replicas again',
  async (run, faultCount) => {
    await using cluster = await FaultCluster.start({ ...sureCluster, mongoUrl: inject('mongoUrl') })
    const { violations } = await runCampaign({
      kind: 'old copies of directories',
      faultCount,
      seed: runSeed.fork(`restore-directory-${run}`),
      cluster,
      load: { storageClass: 'replicated' },
      strike: async ({ cluster: { fileServers, managers } }, random, load) => {
        await load.isServed(UPLOADS_BETWEEN)
        await using copy = await OldCopy.make(cluster, random.integer(0, fileServers.length - 1))
        await load.isServed(UPLOADS_BETWEEN)
        await copy.putBack()
        if (random.isTrue(MANAGER_SHARE)) await cluster.killManager(random.integer(0, managers.length - 1))
        await cluster.endDeadLease()
        await waitForHeal(cluster.view)
      },
    })
    expect(violations).toEqual([])
  },
  RUN_DEADLINE_MS,
)
