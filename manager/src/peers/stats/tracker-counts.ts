import type { StoreError } from '@holdfast/shared/errors/store-error'

export type Protocol = 'udp' | 'http'

/** Counts those who were not served, by the reason. Over UDP most of them get no answer. */
export interface Refusals {
  /** Its network asks more often than it may. */
  tooOften: number
  /** The info-hash was not registered, and the tracker is not open. */
  notTracked: number
  /** The address has too many peers in the swarm, or the tracker as many peers as it keeps. */
  noRoom: number
  /** It is no request, or one of an address that no peer has. */
  malformed: number
  /** A datagram begins with no connection id that was sent to where it comes from. */
  unverified: number
  /** The database does not answer, or too many wait for it. */
  unavailable: number
}

/** Counts what the trackers of one process have done since it started. Whoever does it counts it. */
export interface TrackerCounts {
  /** Counts those that were answered. */
  readonly announces: Record<Protocol, number>
  readonly scrapes: Record<Protocol, number>
  readonly refused: Refusals
  /** This many peers have told that they have all bytes, after they had not. */
  completed: number
  /** A heartbeat is lost when its answer would not count any more. */
  readonly heartbeats: { sent: number; answered: number; lost: number }
}

export function newCounts(): TrackerCounts {
  return {
    announces: { udp: 0, http: 0 },
    scrapes: { udp: 0, http: 0 },
    refused: { tooOften: 0, notTracked: 0, noRoom: 0, malformed: 0, unverified: 0, unavailable: 0 },
    completed: 0,
    heartbeats: { sent: 0, answered: 0, lost: 0 },
  }
}

/** Counts a request that failed. What was refused for its number is counted by whoever has that number. */
export function countFailure({ refused }: TrackerCounts, { name }: StoreError): void {
  if (name === 'INVALID_REQUEST' || name === 'FORBIDDEN') refused.malformed += 1
  else if (name === 'DATABASE_UNAVAILABLE' || name === 'OVERLOADED') refused.unavailable += 1
}
