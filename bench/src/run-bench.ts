import { randomBytes } from 'node:crypto'
import type { BenchOptions } from './arguments.ts'
import { describeMachine, fileSystemOf, isSlowAfterDeletes, readCommit } from './machine.ts'
import { type SectionName, type SideBySideName, sideBySideNames } from './plan.ts'
import { Child } from './processes/child.ts'
import { Held } from './processes/held.ts'
import type {
  AnnounceCell,
  AskTimes,
  BenchResult,
  Cell,
  Failure,
  Fill,
  Heal,
  QueueRates,
  Searches,
  Swarm,
} from './result.ts'
import { measureAudio } from './sections/audio.ts'
import { measureHeal } from './sections/heal.ts'
import { measureGrowth, measureServers } from './sections/holdfast-alone.ts'
import { measureJobs } from './sections/jobs.ts'
import { sideBySideSections } from './sections/side-by-side.ts'
import { measureSwarm } from './sections/swarm.ts'
import { measureTrackers } from './sections/tracker.ts'
import { measureSearches } from './sections/tracks-search.ts'
import { warmUp } from './sections/warm-up.ts'
import {
  type Report,
  type StartContext,
  startSideBySide,
  usualNode,
  withHealSystem,
  withSystems,
  withTrackers,
  withTracks,
} from './start-systems.ts'

/** @param directory an empty one, removed by the caller at the end of everything. */
export async function runBench(options: BenchOptions, directory: string, report: Report): Promise<BenchResult> {
  const { plan, sections, beside, hasImage } = options
  const startedAt = performance.now()
  const machine = await describeMachine(directory, hasImage)
  // A disk in a file is no better than the disk that the file is on.
  if (machine.fileSystem === 'tmpfs' || (await fileSystemOf(options.directory)) === 'tmpfs')
    throw new Error(`${directory} is memory, where fsync costs nothing: give a --directory on a disk`)
  const cells: Cell[] = []
  const fills: Fill[] = []
  const heals: Heal[] = []
  const swarms: Swarm[] = []
  const asks: AskTimes[] = []
  const queues: QueueRates[] = []
  const announces: AnnounceCell[] = []
  const searches: Searches[] = []
  const run = randomBytes(4).toString('hex')
  await using load = new Child(new URL('./load/load-process.js', import.meta.url), [], usualNode)
  const context: StartContext = { beside, directory, report, run, load }

  const needsOthers = sideBySideNames.some((section) => sections.includes(section))
  await using held = new Held()
  const systems = needsOthers ? await startSideBySide(context, held) : []
  if (needsOthers) await warmUp(systems, plan)
  const failures: Failure[] = []
  /** What fails does not take with it what was measured before, or comes after. */
  const measure = async (section: SectionName, work: () => Promise<unknown>): Promise<void> => {
    if (!sections.includes(section)) return
    try {
      await work()
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      failures.push({ section, problem })
      report(`${section} failed: ${problem}`)
    }
  }
  const measureSideBySide = async (...wanted: SideBySideName[]): Promise<void> => {
    for (const section of wanted)
      await measure(section, async () => cells.push(...(await sideBySideSections[section](systems, plan, report))))
  }
  await measureSideBySide('small', 'large', 'replicated')
  await measure('servers', () =>
    withSystems(context, async (start) => cells.push(...(await measureServers(start, plan, report)))),
  )
  await measure('heal', async () =>
    heals.push(await withHealSystem(context, (start) => measureHeal(start, plan, report))),
  )
  await measure('swarm', async () => swarms.push(...(await measureSwarm(directory, plan, report))))
  await measure('growth', () =>
    withSystems(context, async (start) => {
      const growth = await measureGrowth(start, plan, report, !(await isSlowAfterDeletes(directory)))
      cells.push(...growth.cells)
      fills.push(...growth.fills)
    }),
  )
  await measure('audio', async () => asks.push(...(await measureAudio(directory, plan, report))))
  await measure('jobs', async () => queues.push(...(await measureJobs(directory, plan, report))))
  await measure('tracker', () =>
    withTrackers(context, async (deps) => announces.push(...(await measureTrackers(deps, plan, report)))),
  )
  await measure('tracks-search', () =>
    withTracks(context, async (holdfast) => searches.push(await measureSearches(holdfast, plan, report))),
  )
  // These delete files, which slows down some disks for minutes.
  await measureSideBySide('mixed', 'delete')
  return {
    at: new Date().toISOString(),
    commit: await readCommit(),
    ...(beside === null ? {} : { besideCommit: await readCommit(beside) }),
    mode: plan.mode,
    hasImage,
    seconds: (performance.now() - startedAt) / 1000,
    machine,
    cells,
    fills,
    heals,
    swarms,
    asks,
    queues,
    announces,
    searches,
    failures,
  }
}
