import { beforeAll, expect, inject, test } from 'vitest'
import { TestProcess } from '../../cluster/test-process.ts'
import { waitUntil } from '../../cluster/wait-until.ts'
import { runCampaign } from '../campaign.ts'
import { FaultCluster } from '../cluster/fault-cluster.ts'
import { faultCounts, runsOf } from '../counts.ts'
import { announceRun, type Random, runSeed } from '../seed.ts'

const RUN_DEADLINE_MS = 600_000

beforeAll(announceRun)

test.each([...runsOf(faultCounts.seizeDirectory).entries()])(
  'of several file-servers on one directory, run %i, %i times, exactly one runs, also when the owner is killed at that moment',
  async (run, faultCount) => {
    await using cluster = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), managers: 1 })
    const { violations } = await runCampaign({
      kind: 'two processes on one directory',
      faultCount,
      seed: runSeed.fork(`seize-directory-${run}`),
      cluster,
      strike: seizeDirectory,
    })
    expect(violations).toEqual([])
  },
  RUN_DEADLINE_MS,
)

async function seizeDirectory({ cluster }: FaultCluster, random: Random): Promise<void> {
  const member = random.pick(cluster.fileServers)
  const intruders = [1, 2].map(() => new TestProcess('file-server', member.environment))
  // All but one of them are expected to end.
  for (const intruder of intruders) void intruder.exited
  if (random.isTrue(0.5)) await member.process.kill()
  const rivals = [member.process, ...intruders]
  const running = (): TestProcess[] => rivals.filter((rival) => rival.isRunning)
  try {
    await waitUntil('one of the rivals is left', () => running().length <= 1 || running().length)
    const [owner] = running()
    if (owner === undefined) return await cluster.restartFileServer(cluster.fileServers.indexOf(member))
    await owner.line((line) => line.message === 'file-server started')
    for (const intruder of intruders) {
      if (intruder === owner) continue
      expect(await intruder.exited).toBe(1)
      expect(intruder.lines.at(-1)).toMatchObject({ message: 'cannot start' })
    }
    member.process = owner
  } finally {
    for (const rival of rivals) if (rival.isRunning && rival !== member.process) await rival.kill()
  }
}
