import { availableParallelism } from 'node:os'
import { memoryBytes } from '../mongod/mongod-process.ts'

const GIB = 1024 ** 3
/** More workers gain nothing: the file-servers and mongod of one machine are then the bottleneck. */
const MAX_WORKERS = 8

export interface MachineSize {
  readonly coreCount: number
  readonly memoryBytes: number
}

export function measureMachine(): MachineSize {
  return { coreCount: availableParallelism(), memoryBytes: memoryBytes() }
}

/**
 * Takes one manager process for every two cores and every GiB, because half of an upload's CPU is the manager's, and
 * file-servers and mongod need the rest. A manager that listens on every address without a MANAGER_URL stays one
 * process, because nobody could tell file-servers elsewhere where its workers are.
 */
export function chooseWorkerCount(
  { coreCount, memoryBytes }: MachineSize,
  { host, managerUrl }: { readonly host: string; readonly managerUrl: string | undefined },
): number {
  if (['0.0.0.0', '::'].includes(host) && managerUrl === undefined) return 1
  return Math.max(1, Math.min(MAX_WORKERS, Math.floor(coreCount / 2), Math.floor(memoryBytes / GIB)))
}
