import type { FaultClusterOptions } from './fault-cluster.ts'

/** A file-server that nobody has heard from for so long is lost, though a slow machine may take a second for its start. */
const GRACE_MS = 5_000

/** Five file-servers keep files of class `replicated`. What one of them lost is healed soon, and at any rate. */
export const replicatedCluster = {
  fileServers: 5,
  managers: 2,
  managerEnvironment: { FILE_SERVER_GRACE_MS: String(GRACE_MS), UPKEEP_BYTES_PER_SECOND: '1GiB' },
} as const satisfies FaultClusterOptions

/** An upload is acknowledged with two replicas and no fewer, because one of two disks may be lost at any moment. */
export const sureCluster = {
  ...replicatedCluster,
  managerEnvironment: { ...replicatedCluster.managerEnvironment, MIN_REPLICAS: '2' },
} as const satisfies FaultClusterOptions
