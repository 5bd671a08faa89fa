import type { ServerId } from '@holdfast/shared/ids'

/** The cluster remembers this of a file-server. */
export interface HeardFileServer {
  readonly id: ServerId
  /** No manager has heard from it for so long, by mongod's clock. */
  readonly silentMs: number
  readonly isLost: boolean
}

export interface LossLimits {
  /** A file-server is lost when nobody has heard from it for so long. */
  readonly graceMs: number
  /** One that was heard from in this time is active. */
  readonly activeWithinMs: number
  /** This manager has held the lease for so long. What happened before it cannot be judged: everything may have been off. */
  readonly heldMs: number
}

/**
 * Tells which file-servers are to be declared lost. While fewer than half of those that are not lost already are active, none
 * is, for then it is the power or the network that failed.
 */
export function planLost(known: readonly HeardFileServer[], limits: LossLimits): ServerId[] {
  const { graceMs, heldMs } = limits
  const activeWithinMs = Math.min(limits.activeWithinMs, graceMs)
  const left = known.filter((server) => !server.isLost)
  const activeCount = left.filter((server) => server.silentMs < activeWithinMs).length
  if (activeCount * 2 < left.length) return []
  return left.filter((server) => Math.min(server.silentMs, heldMs) >= graceMs).map((server) => server.id)
}
