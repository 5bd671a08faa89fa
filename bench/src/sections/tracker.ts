import type { LoadAnswer } from '../load/load-process.ts'
import type { AnnounceOrder, AnnounceResult } from '../load/run-announces.ts'
import type { Plan } from '../plan.ts'
import type { Child } from '../processes/child.ts'
import { type WatchedProcess, watchUsage } from '../processes/usage.ts'
import type { AnnounceCell, AnnounceSample } from '../result.ts'

/** Such a tracker is measured. */
export interface TrackerSystem {
  readonly name: string
  readonly url: string
  readonly findProcesses: () => Promise<readonly WatchedProcess[]>
}

/** Its announces have the same form for every tracker. */
export interface TrackerDeps {
  readonly systems: readonly TrackerSystem[]
  readonly load: Child
  readonly run: string
}

const ANSWER_LIMIT_MS = 90_000
const FILL_LIMIT_MS = 600_000
const kinds = [
  { protocol: 'udp', peers: 'known' },
  { protocol: 'http', peers: 'known' },
  { protocol: 'udp', peers: 'new' },
  { protocol: 'http', peers: 'new' },
] as const

/** Measures every tracker in every round, as `measureCell` does, after each has heard of all known peers. */
export async function measureTrackers(
  deps: TrackerDeps,
  plan: Plan,
  report: (line: string) => void,
): Promise<AnnounceCell[]> {
  const { clients, swarmCount } = plan.trackers
  const nextNumbers = new Map<TrackerSystem, number>()
  const measure = async (system: TrackerSystem, order: Partial<AnnounceOrder>): Promise<AnnounceSample> => {
    const sample = await announce(deps, system, {
      ...{ protocol: 'udp', peers: 'known', url: system.url, clients, swarmCount, run: deps.run },
      ...{ maxMs: FILL_LIMIT_MS, maxEach: Number.MAX_SAFE_INTEGER, nextNumber: nextNumbers.get(system) ?? 0 },
      ...order,
    })
    nextNumbers.set(system, sample.nextNumber)
    return sample
  }
  for (const system of deps.systems) {
    report(`${clients} clients announce to ${system.name} in ${swarmCount} swarms, not measured`)
    await measure(system, { maxEach: swarmCount })
    for (const kind of kinds) await measure(system, { ...kind, maxMs: plan.warmMs / kinds.length })
  }
  const cells: AnnounceCell[] = []
  for (const kind of kinds) {
    report(`${kind.peers} peers announce over ${kind.protocol.toUpperCase()}`)
    const samples: Record<string, AnnounceSample[]> = {}
    for (let round = 0; round < plan.rounds; round++) {
      for (const system of round % 2 === 0 ? deps.systems : deps.systems.toReversed()) {
        const sample = await measure(system, { ...kind, maxMs: plan.trackers.sliceMs })
        samples[system.name] = [...(samples[system.name] ?? []), sample]
      }
    }
    // The systems keep their order, whichever came first in the last round.
    const ordered = deps.systems.map(({ name }) => [name, samples[name] ?? []])
    cells.push({ ...kind, clients, samples: Object.fromEntries(ordered) })
  }
  return cells
}

async function announce({ load }: TrackerDeps, system: TrackerSystem, order: AnnounceOrder): Promise<AnnounceSample> {
  const watch = await watchUsage([...(await system.findProcesses()), { role: 'client', pid: load.pid }])
  const answer = (await load.ask(order, order.maxMs + ANSWER_LIMIT_MS)) as LoadAnswer<AnnounceResult>
  if (answer.kind === 'failed') throw new Error(`${system.name}: ${order.protocol}: ${answer.reason}`)
  return { ...answer.result, usage: await watch.end() }
}
