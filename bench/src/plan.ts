const KIB = 1024
const MIB = 1024 * KIB

export interface Plan {
  readonly smallSizes: readonly number[]
  readonly clients: readonly number[]
  readonly rounds: number
  readonly sliceMs: number
  /** How many files of each size are there to be downloaded. */
  readonly storedCount: number
  readonly largeBytes: number
  readonly largeRounds: number
}

/** About 3 minutes. */
export const fullPlan: Plan = {
  smallSizes: [4 * KIB, 64 * KIB],
  clients: [1, 16, 64],
  rounds: 3,
  sliceMs: 1_000,
  storedCount: 256,
  largeBytes: 256 * MIB,
  largeRounds: 2,
}

/** About half a minute: to see that it works, not to compare. */
export const quickPlan: Plan = {
  ...fullPlan,
  rounds: 2,
  sliceMs: 200,
  storedCount: 64,
  largeBytes: 64 * MIB,
  largeRounds: 1,
}
