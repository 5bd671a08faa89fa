import type { Plan } from '../plan.ts'
import type { Cell, Fill } from '../result.ts'
import type { System } from '../system.ts'
import { measureCell } from './measure-cell.ts'
import { warmUp } from './warm-up.ts'

/** @returns a Holdfast of its own, warm. */
export type StartSystem = (name: string, fileServerCount: number) => Promise<System>

export interface Measured {
  readonly cells: readonly Cell[]
  readonly fills: readonly Fill[]
}

const operations = ['upload', 'download'] as const

/** All at once, so that rounds can be interleaved; those that wait cost next to nothing. */
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

/** The same operations on one system as its files grow. */
export async function measureGrowth(start: StartSystem, plan: Plan, report: (line: string) => void): Promise<Measured> {
  const system = await start('growth', 3)
  await warmUp([system], plan)
  const fills: Fill[] = []
  const samples = operations.map((): Record<string, Cell['samples'][string]> => ({}))
  const base = { sizeBytes: plan.smallBytes, clients: plan.clients }
  for (const wantedCount of plan.fileCounts) {
    report(`filling up to ${wantedCount.toLocaleString('en')} files`)
    // Downloads take from the files of this fill.
    system.forgetStored(plan.smallBytes)
    const fill = await system.fill(plan.smallBytes, Math.max(plan.storedCount, wantedCount - system.fileCount))
    fills.push(fill)
    const label = `${Math.round(fill.fileCount / 1_000).toLocaleString('en')},000 files`
    report(`${operations.join(' and ')} with ${label}; filling took ${fill.seconds.toFixed(0)} s`)
    for (const [index, operation] of operations.entries()) {
      const cell = await measureCell('growth', [system], plan.rounds, { ...base, operation, maxMs: plan.sliceMs })
      Object.assign(samples[index] ?? {}, { [label]: cell.samples[system.name] ?? [] })
    }
  }
  const cells = operations.map((operation, index) => ({
    part: 'growth',
    operation,
    ...base,
    samples: samples[index] ?? {},
  }))
  return { cells, fills }
}
