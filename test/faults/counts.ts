/** `npm run test:faults` runs the whole counts, `npm test` a part of them. */
export const isFullRun = process.env.FAULTS === 'full'

export interface FaultCount {
  /** Of a full run, over all its runs. */
  readonly full: number
  /** Of `npm test`, in one run. */
  readonly short: number
  /** Faults of one run: each run has a cluster, a load and a seed of its own, and ends with a heal and a check. */
  readonly perRun: number
}

/** How often each fault strikes: the one place. */
export const faultCounts = {
  killFileServer: { full: 1_000, short: 25, perRun: 100 },
  killManager: { full: 300, short: 4, perRun: 50 },
  killMongod: { full: 100, short: 2, perRun: 20 },
  killAll: { full: 100, short: 1, perRun: 20 },
  freezeFileServer: { full: 60, short: 1, perRun: 20 },
  freezeManager: { full: 40, short: 1, perRun: 20 },
  freezeMongod: { full: 20, short: 1, perRun: 10 },
  jumpClock: { full: 60, short: 2, perRun: 20 },
  seizeDirectory: { full: 60, short: 3, perRun: 30 },
  /** A full run strikes at every point, in every way. */
  strikeAtPoint: { full: Number.POSITIVE_INFINITY, short: 1, perRun: 8 },
} as const satisfies Record<string, FaultCount>

/** How many faults each run of a kind has. */
export function runsOf({ full, short, perRun }: FaultCount): number[] {
  if (!isFullRun) return [short]
  return Array.from({ length: Math.ceil(full / perRun) }, (_, index) => Math.min(perRun, full - index * perRun))
}
