import type { Cell, Sample } from '../result.ts'
import type { Slice, System } from '../system.ts'

/**
 * Round after round, every system in turn: what disturbs the machine meets all of them.
 * @param tidyUp what is done with a system after its turn
 */
export async function measureCell(
  part: string,
  systems: readonly System[],
  rounds: number,
  slice: Slice,
  tidyUp?: (system: System) => Promise<void>,
): Promise<Cell> {
  const samples: Record<string, Sample[]> = {}
  for (let round = 0; round < rounds; round += 1) {
    for (const system of systems) {
      const ofSystem = samples[system.name] ?? []
      ofSystem.push(await system.measure(slice))
      samples[system.name] = ofSystem
      await tidyUp?.(system)
    }
  }
  const { operation, sizeBytes, clients } = slice
  return { part, operation, sizeBytes, clients, samples }
}
