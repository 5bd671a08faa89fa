import type { Plan } from '../plan.ts'
import type { System } from '../system.ts'

/** Deletes are left out for the reason that `isSlowAfterDeletes` gives. */
const OPERATIONS = ['upload', 'download'] as const

/** Brings compilers and caches where those of a server are that has run for days. */
export async function warmUp(systems: readonly System[], plan: Plan): Promise<void> {
  const { smallBytes: sizeBytes, clients, warmMs: maxMs } = plan
  for (const system of systems) {
    await system.fill(sizeBytes, plan.storedCount)
    for (const operation of OPERATIONS) await system.measure({ operation, sizeBytes, clients, maxMs })
    system.forgetStored(sizeBytes)
  }
}
