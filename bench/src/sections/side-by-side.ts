import type { Plan, SideBySideName } from '../plan.ts'
import type { Cell } from '../result.ts'
import type { System } from '../system.ts'
import { measureCell } from './measure-cell.ts'

const LARGE_LIMIT_MS = 120_000

/** @param report is told what begins. */
export type Section = (systems: readonly System[], plan: Plan, report: (line: string) => void) => Promise<Cell[]>

/** The sections that compare Holdfast with others. */
export const sideBySideSections = {
  async small(systems, plan, report) {
    const cells: Cell[] = []
    const sizes = new Set(plan.small.map(({ sizeBytes }) => sizeBytes))
    for (const sizeBytes of sizes) {
      await storeFiles(systems, sizeBytes, plan.storedCount)
      for (const operation of ['upload', 'download'] as const) {
        for (const { clients } of plan.small.filter((cell) => cell.sizeBytes === sizeBytes)) {
          report(`${operation} ${sizeBytes / 1024} KiB, ${clients} ${clients === 1 ? 'client' : 'clients'}`)
          const slice = { operation, sizeBytes, clients, maxMs: plan.sliceMs }
          cells.push(await measureCell('small', systems, plan.rounds, slice))
        }
      }
    }
    return cells
  },

  async large(systems, plan, report) {
    const slice = { sizeBytes: plan.largeBytes, clients: 1, maxMs: LARGE_LIMIT_MS, maxCount: 1 }
    report('a large file up and down, not measured: what it takes is compiled')
    await storeFiles(systems, plan.largeBytes, 1)
    for (const system of systems) await system.measure({ ...slice, operation: 'download' })
    const cells: Cell[] = []
    // Downloads go first, while the files are in the page cache and no database is busy with what it was given.
    for (const operation of ['download', 'upload'] as const) {
      report(`${operation} ${plan.largeBytes / 1024 ** 2} MiB`)
      cells.push(await measureCell('large', systems, plan.largeRounds, { ...slice, operation }))
    }
    return cells
  },

  /** It deletes files, so it comes after everything that only makes them. */
  async mixed(systems, plan, report) {
    await storeFiles(systems, plan.smallBytes, plan.storedCount)
    report('mixed, not measured')
    const { smallBytes: sizeBytes, clients, warmMs: maxMs } = plan
    for (const system of systems) await system.measure({ operation: 'mixed', sizeBytes, clients, maxMs })
    report('mixed: 60 % downloads, 30 % uploads, 10 % deletes')
    const slice = {
      operation: 'mixed',
      sizeBytes: plan.smallBytes,
      clients: plan.clients,
      maxMs: plan.sliceMs,
    } as const
    return [await measureCell('mixed', systems, plan.rounds, slice)]
  },

  /** It is the last section for the reason that `isSlowAfterDeletes` gives. */
  async delete(systems, plan, report) {
    report(`${plan.rounds * plan.deleteCount} files to be deleted`)
    await storeFiles(systems, plan.smallBytes, plan.rounds * plan.deleteCount)
    report('delete')
    const slice = {
      operation: 'delete',
      sizeBytes: plan.smallBytes,
      clients: plan.clients,
      maxMs: LARGE_LIMIT_MS,
      maxCount: plan.deleteCount,
    } as const
    return [await measureCell('delete', systems, plan.rounds, slice)]
  },
} as const satisfies Record<SideBySideName, Section>

/** Gives a section files of its own. */
async function storeFiles(systems: readonly System[], sizeBytes: number, count: number): Promise<void> {
  for (const system of systems) {
    system.forgetStored(sizeBytes)
    await system.fill(sizeBytes, count)
  }
}
