const KIB = 1024
const MIB = 1024 * KIB

/** These sections measure Holdfast and others in the same rounds. */
export const sideBySideNames = ['small', 'large', 'replicated', 'mixed', 'delete'] as const
export type SideBySideName = (typeof sideBySideNames)[number]

export const sectionNames = [
  'small',
  'large',
  'replicated',
  'mixed',
  'servers',
  'heal',
  'swarm',
  'growth',
  'tracker',
  'tracks-search',
  'delete',
  'audio',
  'jobs',
] as const
export type SectionName = (typeof sectionNames)[number]

export interface Plan {
  readonly mode: 'quick' | 'full' | 'long'
  readonly small: readonly { readonly sizeBytes: number; readonly clients: number }[]
  /** Files of class `replicated` are measured beside those of class `single` with so many clients. */
  readonly replicatedClients: readonly number[]
  readonly clients: number
  readonly smallBytes: number
  readonly rounds: number
  readonly sliceMs: number
  /** A load of each kind runs this long before anything is measured, so that code is compiled by then. */
  readonly warmMs: number
  /** Each system holds so many files of each size for downloads. */
  readonly storedCount: number
  readonly largeBytes: number
  readonly largeRounds: number
  /** A lost file-server held so much. */
  readonly lostBytes: number
  /** Clients of BitTorrent load a file of so many bytes, from so many seeds. */
  readonly swarmBytes: number
  readonly swarmSeedCounts: readonly number[]
  readonly fileServerCounts: readonly number[]
  readonly fileCounts: readonly number[]
  /** Each system deletes so many files in a round. */
  readonly deleteCount: number
  /** A library has so many tracks, and each question is asked so often. */
  readonly trackCount: number
  readonly askCount: number
  /** The queues are measured with this number of jobs, and with each of these numbers of workers. */
  readonly jobCount: number
  readonly workerCounts: readonly number[]
  /** Each client announces a known peer in every swarm, and new ones. */
  readonly trackers: { readonly clients: number; readonly swarmCount: number; readonly sliceMs: number }
  /** The tracks belong to this number of users, and each client asks each kind of search this often. */
  readonly tracks: {
    readonly count: number
    readonly users: number
    readonly clients: number
    readonly searchesEach: number
  }
}

/** It takes some forty minutes, a quarter of it to make a million files. */
export const fullPlan: Plan = {
  mode: 'full',
  small: [
    { sizeBytes: 4 * KIB, clients: 1 },
    { sizeBytes: 4 * KIB, clients: 16 },
    { sizeBytes: 4 * KIB, clients: 64 },
    { sizeBytes: 64 * KIB, clients: 64 },
  ],
  replicatedClients: [1, 64],
  clients: 64,
  smallBytes: 4 * KIB,
  rounds: 3,
  sliceMs: 2_000,
  warmMs: 20_000,
  storedCount: 1_000,
  largeBytes: 256 * MIB,
  largeRounds: 5,
  lostBytes: 2 * 1024 * MIB,
  swarmBytes: 1024 * MIB,
  swarmSeedCounts: [1, 4],
  fileServerCounts: [1, 3, 9],
  fileCounts: [1_000, 100_000, 1_000_000],
  deleteCount: 1_500,
  trackCount: 100_000,
  askCount: 100,
  jobCount: 2_000,
  workerCounts: [1, 4, 16],
  trackers: { clients: 64, swarmCount: 1_000, sliceMs: 4_000 },
  tracks: { count: 1_000_000, users: 4_000, clients: 2, searchesEach: 300 },
}

/** It takes under a minute and shows that the benchmark works; its numbers are not to be compared. */
export const quickPlan: Plan = {
  ...fullPlan,
  mode: 'quick',
  rounds: 1,
  sliceMs: 300,
  warmMs: 300,
  storedCount: 200,
  largeBytes: 64 * MIB,
  largeRounds: 1,
  lostBytes: 128 * MIB,
  swarmBytes: 32 * MIB,
  fileServerCounts: [1, 3],
  fileCounts: [500, 2_000],
  deleteCount: 300,
  trackCount: 2_000,
  askCount: 3,
  jobCount: 200,
  workerCounts: [1, 4],
  trackers: { clients: 16, swarmCount: 100, sliceMs: 500 },
  tracks: { count: 20_000, users: 200, clients: 2, searchesEach: 25 },
}

/** More rounds give quieter numbers. */
export const longPlan: Plan = {
  ...fullPlan,
  mode: 'long',
  rounds: 7,
  sliceMs: 2_000,
  largeRounds: 9,
  askCount: 300,
}
