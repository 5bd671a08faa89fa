import type { Plan, SideBySideName } from '../plan.ts'
import type { Cell } from '../result.ts'
import type { System } from '../system.ts'
import { measureCell } from './measure-cell.ts'
import { warmUp } from './warm-up.ts'

const LARGE_LIMIT_MS = 120_000

/** Is told what begins. */
type Report = (line: string) => void
export type Section = (systems: readonly System[], plan: Plan, report: Report) => Promise<Cell[]>

/** These sections compare Holdfast with others. */
export const sideBySideSections = {
  small: (systems, plan, report) => measureSmall('small', systems, plan, plan.small, report),
  large: (systems, plan, report) => measureLarge('large', systems, plan, report),

  /** Files of class `replicated` and of class `single` are the same Holdfast's, and go up as they are. */
  async replicated(systems, plan, report) {
    const raw = systems.flatMap(rawSystemsOf)
    report('warming up for files that go up as they are')
    await warmUp(raw, plan)
    const small = plan.replicatedClients.map((clients) => ({ sizeBytes: plan.smallBytes, clients }))
    const cells = await measureSmall('replicated', raw, plan, small, report)
    return [...cells, ...(await measureLarge('replicated', raw, plan, report))]
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

async function measureSmall(
  section: string,
  systems: readonly System[],
  plan: Plan,
  wanted: readonly { readonly sizeBytes: number; readonly clients: number }[],
  report: Report,
): Promise<Cell[]> {
  const cells: Cell[] = []
  const sizes = new Set(wanted.map(({ sizeBytes }) => sizeBytes))
  for (const sizeBytes of sizes) {
    await storeFiles(systems, sizeBytes, plan.storedCount)
    for (const operation of ['upload', 'download'] as const) {
      for (const { clients } of wanted.filter((cell) => cell.sizeBytes === sizeBytes)) {
        report(`${operation} ${sizeBytes / 1024} KiB, ${clients} ${clients === 1 ? 'client' : 'clients'}`)
        const slice = { operation, sizeBytes, clients, maxMs: plan.sliceMs }
        cells.push(await measureCell(section, systems, plan.rounds, slice))
      }
    }
  }
  return cells
}

async function measureLarge(section: string, systems: readonly System[], plan: Plan, report: Report): Promise<Cell[]> {
  const slice = { sizeBytes: plan.largeBytes, clients: 1, maxMs: LARGE_LIMIT_MS, maxCount: 1 }
  report('a large file up and down, not measured: what it takes is compiled')
  await storeFiles(systems, plan.largeBytes, 1)
  for (const system of systems) await system.measure({ ...slice, operation: 'download' })
  const cells: Cell[] = []
  // Downloads go first, while the files are in the page cache and no database is busy with what it was given.
  for (const operation of ['download', 'upload'] as const) {
    report(`${operation} ${plan.largeBytes / 1024 ** 2} MiB`)
    cells.push(await measureCell(section, systems, plan.largeRounds, { ...slice, operation }))
  }
  return cells
}

/** @returns none for GridFS, which takes JSON only, and only class `replicated` of two Holdfasts beside each other */
function rawSystemsOf(system: System, _index: number, systems: readonly System[]): readonly System[] {
  if (system.name === 'node') return [system.uploading('node', 'raw')]
  if (system.name === 'gridfs') return []
  if (systems.some(({ name }) => name === 'beside')) return [system.uploading(system.name, 'raw-replicated')]
  return [system.uploading('replicated', 'raw-replicated'), system.uploading('single', 'raw-single')]
}

/** Gives a section files of its own. */
async function storeFiles(systems: readonly System[], sizeBytes: number, count: number): Promise<void> {
  for (const system of systems) {
    system.forgetStored(sizeBytes)
    await system.fill(sizeBytes, count)
  }
}
