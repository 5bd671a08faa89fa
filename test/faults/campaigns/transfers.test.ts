import { setTimeout as delay } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { waitUntil } from '../../cluster/wait-until.ts'
import { runCampaign } from '../campaign.ts'
import { FaultCluster } from '../cluster/fault-cluster.ts'
import { faultCounts, runsOf } from '../counts.ts'
import { runSeed } from '../seed.ts'

/** No test machine has a disk with so much free, so every disk looks nearly full. */
const NEARLY_FULL = { MIN_FREE_BYTES: '8000TiB' }
const behindBy = 40

test.each([...runsOf(faultCounts.raceTransfers).entries()])(
  'row 32, invariants 1, 3, 7 and 8: transfers that race deletes and downloads, with a kill -9 of source, target or manager in their middle, keep every file, and one copy of each, run %i, %i times',
  async (run, faultCount) => {
    const managerEnvironment = { REBALANCE_THRESHOLD: '2' }
    const options = { mongoUrl: inject('mongoUrl'), fileServers: 3, managers: 1, managerEnvironment }
    await using faults = await FaultCluster.start(options)
    const { cluster } = faults
    const { violations } = await runCampaign({
      kind: 'killed transfers',
      faultCount,
      seed: runSeed.fork(`race-transfers-${run}`),
      cluster: faults,
      strike: async (_faults, random, load) => {
        // It falls behind, so transfers fill it when it can take files again.
        await cluster.restartFileServer(0, NEARLY_FULL)
        await load.isServed(3 * behindBy)
        const manager = cluster.managers[0]?.process
        const seenCount = manager?.lines.length ?? 0
        const isMoving = (): boolean =>
          manager?.lines.slice(seenCount).some(({ message }) => /^rebalanc/.test(message)) === true
        await cluster.restartFileServer(0)
        await waitUntil('transfers are under way', isMoving)
        // The kill comes at any of their steps.
        await delay(random.integer(0, 400))
        const victim = random.pick(['manager', 0, 1, 2] as const)
        if (victim === 'manager') {
          await faults.killManager(0)
          await faults.endDeadLease()
        } else await faults.killFileServer(victim)
      },
    })
    expect(violations).toEqual([])
  },
  600_000,
)
