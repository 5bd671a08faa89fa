import { beforeAll, describe, expect, inject, test } from 'vitest'
import { runCampaign } from '../campaign.ts'
import { listFailpoints } from '../cluster/failpoints.ts'
import { FaultCluster } from '../cluster/fault-cluster.ts'
import { type PointStrike, type Role, strikeAtPoint } from '../cluster/strike-at-point.ts'
import { UpkeepWork } from '../cluster/upkeep-work.ts'
import { announceRun, runSeed } from '../seed.ts'

const RUN_DEADLINE_MS = 1_200_000
const POINTS_PER_RUN = 8
/** This many uploads are served between two strikes, because a run of outages alone would have next to no load. */
const SERVED_UPLOADS = 100
/** A file-server that is held up keeps the clients waiting that were sent to it, so there are others. */
const CLIENTS = 24

/**
 * Every point is reached within seconds: orphans fall due soon, files are always being moved, and journals fill
 * quickly.
 */
const busy = {
  managerEnvironment: { ORPHAN_GRACE_MS: '800', REBALANCE_THRESHOLD: '1' },
  fileServerEnvironment: { JOURNAL_SEGMENT_BYTES: '1MiB' },
}

beforeAll(announceRun)

describe.each<Role>(['file-server', 'manager'])('a %s', (role) => {
  test(
    'loses nothing when it is held up at each of its failpoints, all of which are reached',
    async () => {
      const names = await listFailpoints(role)
      expect(names.length).toBeGreaterThan(8)
      await strike(role, 'held up at every failpoint', [{ role, names, action: 'sleep', nth: 1 }])
    },
    RUN_DEADLINE_MS,
  )

  test(
    'loses nothing when it is killed, or an error is thrown, at any of its failpoints',
    async () => {
      const points = await listFailpoints(role)
      const random = runSeed.fork(`points-of-${role}`).random()
      const strikes = points.flatMap((name): PointStrike[] => [
        { role, names: [name], action: 'kill', nth: 1 },
        { role, names: [name], action: 'kill', nth: random.integer(2, 4) },
        { role, names: [name], action: 'throw', nth: 1 },
      ])
      const order = random.sample(strikes, strikes.length)
      for (let start = 0; start < order.length; start += POINTS_PER_RUN)
        await strike(role, `at failpoints from ${start}`, order.slice(start, start + POINTS_PER_RUN))
    },
    RUN_DEADLINE_MS,
  )
})

async function strike(role: Role, what: string, strikes: readonly PointStrike[]): Promise<void> {
  await using cluster = await FaultCluster.start({ mongoUrl: inject('mongoUrl'), managers: 1, fileServers: 3, ...busy })
  await using work = await UpkeepWork.start(cluster.cluster.mongoUrl, cluster.urls)
  const waiting = [...strikes]
  const { violations } = await runCampaign({
    kind: `a ${role} ${what}`,
    faultCount: strikes.length,
    seed: runSeed.fork(`${role} ${what}`),
    cluster,
    load: { clients: CLIENTS },
    strike: async (_cluster, random, load) => {
      const next = waiting.shift()
      if (next === undefined) throw new Error('no strike is left')
      await strikeAtPoint(cluster, work, role === 'manager' ? 0 : random.integer(0, 2), next)
      await load.isServed(SERVED_UPLOADS)
    },
  })
  expect(violations).toEqual([])
}
