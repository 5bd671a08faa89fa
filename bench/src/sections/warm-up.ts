import type { Plan } from '../plan.ts'
import type { System } from '../system.ts'

/** Nothing is deleted, see `isSlowAfterDeletes`. */
const OPERATIONS = ['upload', 'download'] as const

/** Compilers and caches get what a server that runs for days has. */
export async function warmUp(systems: readonly System[], plan: Plan): Promise<void> {
  const { smallBytes: sizeBytes, clients, warmMs: maxMs } = plan
  for (const system of systems) {
    await system.fill(sizeBytes, plan.storedCount)
    for (const operation of OPERATIONS) await system.measure({ operation, sizeBytes, clients, maxMs })
    system.forgetStored(sizeBytes)
  }
}
