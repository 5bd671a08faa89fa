import type { Cell, Sample } from '../result.ts'
import type { Slice, System } from '../system.ts'

/**
 * Measures every system once in every round, so that what disturbs the machine meets all of them. Every other round goes in
 * reverse, for each system inherits a busy disk from the one before it.
 * @param tidyUp what is done with a system after its turn
 */
export async function measureCell<S extends Pick<System, 'name' | 'measure'>>(
  section: string,
  systems: readonly S[],
  rounds: number,
  slice: Slice,
  tidyUp?: (system: S) => Promise<void>,
): Promise<Cell> {
  const samples: Record<string, Sample[]> = {}
  for (let round = 0; round < rounds; round += 1) {
    for (const system of round % 2 === 0 ? systems : systems.toReversed()) {
      const ofSystem = samples[system.name] ?? []
      ofSystem.push(await system.measure(slice))
      samples[system.name] = ofSystem
      await tidyUp?.(system)
    }
  }
  const { operation, sizeBytes, clients } = slice
  return { section, operation, sizeBytes, clients, samples }
}
