export interface FaultCount {
  /** All runs of the kind have so many together. */
  readonly full: number
  /** One run has so many, with a cluster, a load and a seed of its own, and ends with a heal and a check. */
  readonly perRun: number
}

/** Only this table says how often each fault strikes in `npm run test:faults`. */
export const faultCounts = {
  killFileServer: { full: 1_000, perRun: 100 },
  killManager: { full: 300, perRun: 50 },
  killMongod: { full: 100, perRun: 20 },
  killAll: { full: 100, perRun: 20 },
  freezeFileServer: { full: 60, perRun: 20 },
  freezeManager: { full: 40, perRun: 20 },
  freezeMongod: { full: 20, perRun: 10 },
  jumpClock: { full: 60, perRun: 20 },
  seizeDirectory: { full: 60, perRun: 30 },
  cutDataDisk: { full: 100, perRun: 10 },
  cutBothDisks: { full: 30, perRun: 10 },
  haltMongod: { full: 3, perRun: 3 },
  stepDown: { full: 20, perRun: 10 },
  loseAnswer: { full: 40, perRun: 20 },
  restartStorm: { full: 300, perRun: 100 },
  raceTransfers: { full: 60, perRun: 20 },
  killAmongReplicas: { full: 100, perRun: 50 },
  loseDirectory: { full: 10, perRun: 5 },
  restoreDirectory: { full: 6, perRun: 3 },
  troubleFileServer: { full: 30, perRun: 10 },
  partitionFileServer: { full: 10, perRun: 10 },
  killWhileReplacing: { full: 60, perRun: 30 },
  damageCopy: { full: 300, perRun: 100 },
} as const satisfies Record<string, FaultCount>

/** @returns how many faults each run of a kind has */
export function runsOf({ full, perRun }: FaultCount): number[] {
  return Array.from({ length: Math.ceil(full / perRun) }, (_, index) => Math.min(perRun, full - index * perRun))
}
