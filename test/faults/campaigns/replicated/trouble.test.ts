import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, expect, inject, test } from 'vitest'
import { type CampaignResult, runCampaign } from '../../campaign.ts'
import { FaultCluster } from '../../cluster/fault-cluster.ts'
import { canMakeDisks } from '../../cluster/needs-root.ts'
import { ProxiedCluster } from '../../cluster/proxied-cluster.ts'
import { replicatedCluster } from '../../cluster/replicated-cluster.ts'
import { SmallDisk } from '../../cluster/small-disk.ts'
import { faultCounts, runsOf } from '../../counts.ts'
import type { FaultLoad } from '../../load/fault-load.ts'
import type { Operation } from '../../load/history.ts'
import { announceRun, type Random, runSeed } from '../../seed.ts'

const RUN_DEADLINE_MS = 1_800_000
/** So often a manager dies while a file-server is in trouble. */
const MANAGER_SHARE = 0.25
/** A trouble lasts for so long: less than it takes to be lost, and more. */
const TROUBLE_MS = { short: 2_000, long: 8_000 }
const LONG_SHARE = 0.5
/** The disk of one file-server is so large, and has room for what it gets of the load. */
const DISK_BYTES = 512 * 1024 * 1024
/** Writes go on meanwhile. */
const SERVED_UPLOADS = 10
/** Nobody waits longer for a file-server in trouble, but one of a hundred. */
const P99_MS = 3_000
/** What is slower than this hangs, however busy the machine is. */
const HANG_MS = 10_000

interface Span {
  readonly from: number
  readonly to: number
}

beforeAll(announceRun)

test.each([...runsOf(faultCounts.troubleFileServer).entries()])(
  'class replicated: while one of 5 file-servers is frozen or full, run %i, %i times, writes go on, nobody waits for it, and nothing is lost',
  async (run, faultCount) => {
    await using disk = canMakeDisks('a full disk') ? await SmallDisk.make({ sizeBytes: DISK_BYTES }) : null
    await using faults = await FaultCluster.start({
      ...replicatedCluster,
      fileServers: 4,
      mongoUrl: inject('mongoUrl'),
    })
    faults.cluster.addFileServer(disk === null ? {} : { DATA_DIR: disk.directory, MIN_FREE_BYTES: '0' })
    await faults.cluster.settled()
    const spans: Span[] = []
    const result = await runCampaign({
      kind: 'frozen and full file-servers',
      faultCount,
      seed: runSeed.fork(`trouble-${run}`),
      cluster: faults,
      load: { storageClass: 'replicated' },
      strike: async ({ cluster: { fileServers, managers } }, random, load) => {
        const index = random.integer(0, fileServers.length - 1)
        const strikesManager = random.isTrue(MANAGER_SHARE)
        const filled = disk === null ? full(faults, index) : fullDisk(disk)
        const trouble = random.pick([frozen(faults, index), full(faults, index), filled])
        await trouble.begin()
        if (strikesManager) await faults.killManager(random.integer(0, managers.length - 1))
        await during(spans, random, load)
        await trouble.end()
        // A second one in trouble could have the other replica.
        await faults.cluster.settled()
        await load.isServed(SERVED_UPLOADS)
      },
    })
    expectNoWait(result, spans)
  },
  RUN_DEADLINE_MS,
)

test.each([...runsOf(faultCounts.partitionFileServer).entries()])(
  'class replicated: while one of 5 file-servers is cut off, run %i, %i times, writes go on, nobody waits for it, and nothing is lost',
  async (run, faultCount) => {
    await using proxied = await ProxiedCluster.start({ ...replicatedCluster, mongoUrl: inject('mongoUrl') })
    const spans: Span[] = []
    const result = await runCampaign({
      kind: 'file-servers cut off',
      faultCount,
      seed: runSeed.fork(`partition-${run}`),
      cluster: proxied.faults,
      load: { storageClass: 'replicated' },
      strike: async (_cluster, random, load) => {
        const proxy = random.pick(proxied.proxies)
        const ways = random.pick([['toTarget'], ['toClient'], ['toTarget', 'toClient']] as const)
        proxy.hold(...ways)
        await during(spans, random, load)
        // What was held comes late, or never.
        if (random.isTrue(0.5)) proxy.release()
        else proxy.cut()
        await proxied.faults.cluster.settled()
        await load.isServed(SERVED_UPLOADS)
      },
    })
    expectNoWait(result, spans)
  },
  RUN_DEADLINE_MS,
)

interface Trouble {
  begin(): Promise<unknown> | unknown
  end(): Promise<unknown> | unknown
}

function frozen({ cluster }: FaultCluster, index: number): Trouble {
  const process = cluster.fileServers[index]?.process
  return { begin: () => process?.signal('SIGSTOP'), end: () => process?.signal('SIGCONT') }
}

/** It takes nothing any more, because it has to keep more free than there is. */
function full({ cluster }: FaultCluster, index: number): Trouble {
  return {
    begin: () => cluster.restartFileServer(index, { MIN_FREE_BYTES: '1000TiB' }),
    end: () => cluster.restartFileServer(index),
  }
}

/** Its disk has no byte left, which it does not know before it writes. */
function fullDisk({ directory }: SmallDisk): Trouble {
  const junk = join(directory, 'junk')
  return {
    begin: () => fill(junk),
    end: () => rm(junk),
  }
}

async function fill(path: string): Promise<void> {
  await using file = await open(path, 'w')
  const block = Buffer.alloc(64 * 1024, 'junk')
  try {
    for (;;) await file.write(block)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

/** Lets the trouble last, and notes when it was. */
async function during(spans: Span[], random: Random, load: FaultLoad): Promise<void> {
  const from = performance.now()
  const served = load.isServed(SERVED_UPLOADS)
  await delay(random.isTrue(LONG_SHARE) ? TROUBLE_MS.long : TROUBLE_MS.short)
  await served
  spans.push({ from, to: performance.now() })
}

function expectNoWait({ operations, violations }: CampaignResult, spans: readonly Span[]): void {
  expect(violations).toEqual([])
  const began = operations.filter(({ startedAt }) => spans.some(({ from, to }) => startedAt >= from && startedAt < to))
  const waits = began.map(({ startedAt, endedAt }: Operation) => endedAt - startedAt).sort((a, b) => a - b)
  const p99 = waits[Math.floor(waits.length * 0.99)] ?? Number.POSITIVE_INFINITY
  const longest = waits.at(-1) ?? Number.POSITIVE_INFINITY
  const ms = [waits[Math.floor(waits.length / 2)] ?? 0, p99, longest].map((wait) => wait.toFixed(0))
  console.log(
    `  ${waits.length} requests meanwhile, which took ${ms[0]} ms (median), ${ms[1]} ms (p99), ${ms[2]} ms (longest)`,
  )
  expect(longest).toBeLessThan(HANG_MS)
  expect(p99).toBeLessThan(P99_MS)
}
