import type { FaultCount } from '../counts.ts'

/** How often the faults of the rows strike, as `faultCounts` does for the campaigns. */
export const rowCounts = {
  cutDataDisk: { full: 100, perRun: 10 },
  cutBothDisks: { full: 30, perRun: 10 },
  freezeMongod: { full: 3, perRun: 3 },
  stepDown: { full: 20, perRun: 10 },
  loseAnswer: { full: 40, perRun: 20 },
  restartStorm: { full: 300, perRun: 100 },
  raceTransfers: { full: 60, perRun: 20 },
} as const satisfies Record<string, FaultCount>
