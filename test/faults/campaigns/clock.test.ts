import { fileURLToPath } from 'node:url'
import { beforeAll, expect, inject, test } from 'vitest'
import { runCampaign } from '../campaign.ts'
import { FaultCluster } from '../cluster/fault-cluster.ts'
import { faultCounts, runsOf } from '../counts.ts'
import { announceRun, runSeed } from '../seed.ts'

const RUN_DEADLINE_MS = 600_000
const HOUR_MS = 3_600_000
/** The clock jumps past everything that is kept for a number of days, back again, and to before the start. */
const jumpsMs = [48 * HOUR_MS, -49 * HOUR_MS, 30 * 24 * HOUR_MS, -31 * 24 * HOUR_MS, HOUR_MS]

beforeAll(announceRun)

test.each([...runsOf(faultCounts.jumpClock).entries()])(
  'wall clocks that jump by days under load, run %i, %i times, collect nothing that is live and bring nothing back',
  async (run, faultCount) => {
    const environment = {
      NODE_OPTIONS: `--import=${fileURLToPath(new URL('../cluster/jumping-clock.mjs', import.meta.url))}`,
      CLOCK_JUMPS: jumpsMs.join(','),
    }
    await using cluster = await FaultCluster.start({
      mongoUrl: inject('mongoUrl'),
      managerEnvironment: environment,
      fileServerEnvironment: environment,
    })
    let jumpCount = 0
    const jumps = new Map<object, number>()
    const { violations } = await runCampaign({
      kind: 'clock jumps',
      faultCount,
      seed: runSeed.fork(`jump-clock-${run}`),
      cluster,
      strike: async ({ cluster: { managers, fileServers } }, random, load) => {
        const { process } = random.pick([...managers, ...fileServers])
        const count = (jumps.get(process) ?? 0) + 1
        jumps.set(process, count)
        process.signal('SIGUSR2')
        await process.line((line) => line.message === 'the clock jumped' && line.jumpCount === count)
        jumpCount++
        await load.isServed(30)
      },
    })
    expect(violations).toEqual([])
    expect(jumpCount).toBe(faultCount)
  },
  RUN_DEADLINE_MS,
)
