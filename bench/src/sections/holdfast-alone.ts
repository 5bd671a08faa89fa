import type { Plan } from '../plan.ts'
import type { Cell, Fill } from '../result.ts'
import type { System } from '../system.ts'
import { measureCell } from './measure-cell.ts'
import { warmUp } from './warm-up.ts'

/** Starts a Holdfast of its own for a section. */
export type StartSystem = (name: string, fileServerCount: number) => Promise<System>

export interface Measured {
  readonly cells: readonly Cell[]
  readonly fills: readonly Fill[]
}

const operations = ['upload', 'download'] as const

/** All systems run at once, so that rounds can be interleaved; those that wait cost next to nothing. */
export async function measureServers(start: StartSystem, plan: Plan, report: (line: string) => void): Promise<Cell[]> {
  const systems: System[] = []
  for (const count of plan.fileServerCounts) {
    report(`starting one with ${count} ${count === 1 ? 'file-server' : 'file-servers'}`)
    systems.push(await start(`${count} file-servers`, count))
  }
  await warmUp(systems, plan)
  for (const system of systems) await system.fill(plan.smallBytes, plan.storedCount)
  const cells: Cell[] = []
  for (const operation of operations) {
    report(`${operation} with ${plan.fileServerCounts.join(', ')} file-servers`)
    const slice = { operation, sizeBytes: plan.smallBytes, clients: plan.clients, maxMs: plan.sliceMs }
    cells.push(await measureCell('servers', systems, plan.rounds, slice))
  }
  return cells
}

/**
 * Measures systems with few files and many in turn, so that a machine that gets slower is not taken for an effect of growth.
 * @param canDelete whether files that warming up and measuring made may be deleted; otherwise the smallest system keeps them all
 */
export async function measureGrowth(
  start: StartSystem,
  plan: Plan,
  report: (line: string) => void,
  canDelete: boolean,
): Promise<Measured> {
  const systems: System[] = []
  for (const count of plan.fileCounts) systems.push(await start(`for ${count} files`, 3))
  await warmUp(systems, plan)
  const fills: Fill[] = []
  const labels = new Map<string, string>()
  /** Tells for systems that are kept small how many files they keep. */
  const keptCounts = new Map<System, number>()
  const tidyUp = async (system: System): Promise<void> => {
    const keptCount = keptCounts.get(system)
    if (keptCount !== undefined) await system.shrink(plan.smallBytes, keptCount)
  }
  for (const [index, system] of systems.entries()) {
    const wantedCount = plan.fileCounts[index] ?? 0
    report(`filling up to ${wantedCount.toLocaleString('en')} files`)
    system.forgetStored(plan.smallBytes)
    const isSmall = canDelete && wantedCount < system.fileCount
    if (isSmall) await system.shrink(plan.smallBytes, 0)
    const fill = await system.fill(plan.smallBytes, Math.max(plan.storedCount, wantedCount - system.fileCount))
    fills.push(fill)
    if (isSmall) keptCounts.set(system, fill.fileCount)
    labels.set(system.name, labelOf(fill))
    report(`filling took ${fill.seconds.toFixed(0)} s`)
  }
  // A file that is asked for again and again is cheaper, so downloads take from all files.
  for (const system of systems) system.useAll(plan.smallBytes)
  const cells: Cell[] = []
  for (const operation of operations) {
    report(`${operation} with ${[...labels.values()].join(', ')}`)
    const slice = { operation, sizeBytes: plan.smallBytes, clients: plan.clients, maxMs: plan.sliceMs }
    // Systems with few files have waited for minutes while the others were filled, and are warmed up again.
    for (const system of systems) {
      await system.measure({ ...slice, maxMs: 3 * plan.sliceMs })
      await tidyUp(system)
    }
    const cell = await measureCell('growth', systems, plan.rounds, slice, tidyUp)
    const samples = Object.entries(cell.samples).map(([name, ofSystem]) => [labels.get(name) ?? name, ofSystem])
    cells.push({ ...cell, samples: Object.fromEntries(samples) })
  }
  return { cells, fills }
}

function labelOf({ fileCount }: Fill): string {
  const rounded = fileCount < 1_000 ? fileCount : Math.round(fileCount / 1_000) * 1_000
  return `${rounded.toLocaleString('en')} files`
}
