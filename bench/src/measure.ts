import { type BenchFile, nameFile } from './contents.ts'
import { type LoadResult, runLoad, type Work } from './load.ts'
import type { Plan } from './plan.ts'
import type { System, SystemName } from './systems.ts'

/** One line of the table: an operation, measured on every system in turn, round after round. */
export interface Cell {
  readonly operation: 'upload' | 'download'
  readonly sizeBytes: number
  readonly clients: number
  readonly results: Partial<Record<SystemName, LoadResult[]>>
}

export interface Measured {
  readonly cells: Cell[]
  /** What is there at the end, the same names on every system. */
  readonly stored: Map<SystemName, BenchFile[]>
}

/** @param run makes names that nobody has used. @param report is told what begins. */
export async function measure(
  systems: readonly System[],
  plan: Plan,
  run: string,
  report: (line: string) => void,
): Promise<Measured> {
  const stored = new Map<SystemName, BenchFile[]>(systems.map(({ name }) => [name, []]))
  let fileCount = 0
  const upload = (system: System, sizeBytes: number): Work => {
    return async (agent) => {
      const file = nameFile(run, sizeBytes, fileCount++)
      await system.upload(agent, file)
      stored.get(system.name)?.push(file)
    }
  }
  const download = (system: System, sizeBytes: number): Work => {
    const files = (stored.get(system.name) ?? [])
      .filter((file) => file.sizeBytes === sizeBytes)
      .slice(0, plan.storedCount)
    let next = 0
    return async (agent) => {
      const file = files[next++ % files.length]
      if (file !== undefined) await system.download?.(agent, file)
    }
  }

  for (const sizeBytes of plan.smallSizes) {
    report(`warming up with ${plan.storedCount} files of ${sizeBytes / 1024} KiB`)
    for (const system of systems) {
      await runLoad(16, { ms: 60_000, count: plan.storedCount }, upload(system, sizeBytes))
      await runLoad(16, { ms: 60_000, count: plan.storedCount }, download(system, sizeBytes))
    }
  }
  const small = plan.smallSizes.flatMap((sizeBytes) => plan.clients.map((clients) => ({ sizeBytes, clients })))
  const large = { sizeBytes: plan.largeBytes, clients: 1 }
  const cells: Cell[] = []
  for (const operation of ['upload', 'download'] as const) {
    for (const { sizeBytes, clients } of [...small, large]) {
      const isLarge = sizeBytes === plan.largeBytes
      const limit = isLarge ? { ms: 60_000, count: 1 } : { ms: plan.sliceMs, count: Number.POSITIVE_INFINITY }
      const cell: Cell = { operation, sizeBytes, clients, results: {} }
      report(`${operation} ${sizeBytes / 1024} KiB, ${clients} ${clients === 1 ? 'client' : 'clients'}`)
      for (let round = 0; round < (isLarge ? plan.largeRounds : plan.rounds); round += 1) {
        for (const system of systems) {
          if (operation === 'download' && system.download === undefined) continue
          const work = operation === 'upload' ? upload(system, sizeBytes) : download(system, sizeBytes)
          const rounds = cell.results[system.name] ?? []
          rounds.push(await runLoad(clients, limit, work))
          cell.results[system.name] = rounds
        }
      }
      cells.push(cell)
    }
  }
  return { cells, stored }
}
