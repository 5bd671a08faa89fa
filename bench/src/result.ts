import type { AnnounceOrder, AnnounceResult } from './load/run-announces.ts'
import type { LoadResult, Operation } from './load/run-load.ts'
import type { SectionName } from './plan.ts'
import type { RoleUsage } from './processes/usage.ts'

export interface Sample extends LoadResult {
  readonly usage: readonly RoleUsage[]
}

/** A cell is one operation, measured on every system in turn, round after round. */
export interface Cell {
  readonly section: string
  readonly operation: Operation
  readonly sizeBytes: number
  readonly clients: number
  /** These are the samples of each system in the order of the rounds, by its name. */
  readonly samples: Readonly<Record<string, readonly Sample[]>>
}

export interface AnnounceSample extends AnnounceResult {
  readonly usage: readonly RoleUsage[]
}

/** A cell is one way to announce, measured on every tracker in turn, round after round. */
export interface AnnounceCell extends Pick<AnnounceOrder, 'protocol' | 'peers' | 'clients'> {
  readonly samples: Readonly<Record<string, readonly AnnounceSample[]>>
}

/** Tells how long one kind of search took, in milliseconds. */
export interface SearchTimes {
  readonly search: string
  /** It is a query such as `artist=bea`. */
  readonly example: string
  readonly count: number
  /** Counts the results of a page, on average. */
  readonly found: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly mostMs: number
}

/** Tells of searches among so many tracks, which took so long to store. */
export interface Searches {
  readonly trackCount: number
  readonly userCount: number
  readonly clients: number
  readonly fillSeconds: number
  readonly times: readonly SearchTimes[]
}

/** Tells how long it took to fill a system up to so many files. */
export interface Fill {
  readonly fileCount: number
  readonly addedCount: number
  readonly seconds: number
}

/** Tells how long it took to bring all chunks back to their number of replicas after a file-server was lost. */
export interface Heal {
  readonly fileServerCount: number
  /** Every chunk that the lost file-server had was copied: so many, of so many bytes. */
  readonly chunkCount: number
  readonly bytes: number
  /** It took so long from the first new copy to the last. */
  readonly seconds: number
}

/** Tells what it took one client to load a file, from its start until it had the whole. */
export interface Transfer {
  readonly seconds: number
  /** It is null where nothing can be read of processes. */
  readonly usage: { readonly cpuSeconds: number; readonly peakRssBytes: number } | null
}

/** Clients of BitTorrent load one file from so many seeds, round after round. */
export interface Swarm {
  readonly seedCount: number
  readonly bytes: number
  /** The keys are the names of the clients. */
  readonly samples: Readonly<Record<string, readonly Transfer[]>>
}

/** Tells how long one question of a large library takes, with nothing else going on. */
export interface AskTimes {
  readonly group: string
  readonly what: string
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Tells how many jobs a queue takes in and has done, in jobs a second of each round. */
export interface QueueRates {
  readonly queue: string
  /** Each has a connection of its own, as each manager process has, and does one job at a time. */
  readonly workerCount: number
  readonly jobCount: number
  readonly addRates: readonly number[]
  readonly doneRates: readonly number[]
}

export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryBytes: number
  readonly system: string
  readonly node: string
  readonly fileSystem: string
  /** Describes the file system in words. */
  readonly disk: string
}

export interface BenchResult {
  readonly at: string
  readonly commit: string
  /** This is the commit of the checkout that was measured beside this one. */
  readonly besideCommit?: string
  readonly mode: 'quick' | 'full' | 'long'
  /** Tells whether the data was on a disk made for the run. */
  readonly hasImage: boolean
  readonly seconds: number
  readonly machine: Machine
  readonly cells: readonly Cell[]
  readonly fills: readonly Fill[]
  readonly heals: readonly Heal[]
  readonly swarms: readonly Swarm[]
  readonly asks: readonly AskTimes[]
  readonly queues: readonly QueueRates[]
  readonly announces: readonly AnnounceCell[]
  readonly searches: readonly Searches[]
  readonly failures: readonly Failure[]
}

/** A section could not be measured to its end. */
export interface Failure {
  readonly section: SectionName
  readonly problem: string
}

/** @returns the median of the rounds, or null where nothing was measured */
export function medianOf<T>(samples: readonly T[] | undefined, value: (sample: T) => number): number | null {
  const sorted = (samples ?? []).map(value).sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.floor((sorted.length - 1) / 2)]
  return upper === undefined || lower === undefined ? null : (upper + lower) / 2
}

/** @returns the value that a part of all values is below */
export function quantileOf(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

/** From this size on MB/s say more than files per second. */
const LARGE_BYTES = 16 * 1024 * 1024

export function isLarge({ sizeBytes }: Cell): boolean {
  return sizeBytes >= LARGE_BYTES
}

/** @returns operations per second, or MB/s for large files */
export function rateOf(cell: Cell, system: string): number | null {
  const unit = isLarge(cell) ? cell.sizeBytes / 1e6 : 1
  return medianOf(cell.samples[system], (sample) => unit * countPerSecond(sample))
}

export function countPerSecond({ doneCount, seconds }: Pick<Sample, 'doneCount' | 'seconds'>): number {
  return doneCount / seconds
}

/** @returns how many times as fast one system is as another in the same run */
export function ratioOf(cell: Cell, system: string, other: string): number | null {
  const [own, theirs] = [rateOf(cell, system), rateOf(cell, other)]
  return own === null || theirs === null ? null : own / theirs
}

/** @returns how many times as fast one system was as another in each round, where the two were measured moments apart */
export function ratiosOfRounds(cell: Cell, system: string, other: string): number[] {
  const theirs = cell.samples[other] ?? []
  return (cell.samples[system] ?? []).flatMap((sample, round) => {
    const opposite = theirs[round]
    return opposite === undefined ? [] : [countPerSecond(sample) / countPerSecond(opposite)]
  })
}

export interface RoleCost {
  readonly role: string
  readonly processCount: number
  readonly cpuUsPerOperation: number
  readonly peakRssBytes: number
}

/** Adds up the CPU of all rounds, for the counter is coarse, and takes the highest of the peaks. */
export function costsOf(samples: readonly Pick<Sample, 'doneCount' | 'usage'>[] | undefined = []): RoleCost[] {
  const doneCount = samples.reduce((sum, sample) => sum + sample.doneCount, 0)
  const roles = new Set(samples.flatMap(({ usage }) => usage.map(({ role }) => role)))
  return [...roles].map((role) => {
    const rows = samples.flatMap(({ usage }) => usage.filter((row) => row.role === role))
    return {
      role,
      processCount: Math.max(...rows.map(({ processCount }) => processCount)),
      cpuUsPerOperation: rows.reduce((sum, { cpuUs }) => sum + cpuUs, 0) / Math.max(1, doneCount),
      peakRssBytes: Math.max(...rows.map(({ peakRssBytes }) => peakRssBytes)),
    }
  })
}
