import type { ReadPace } from './read-history.ts'

/** The order sees a replica like this. */
export interface ReplicaView extends Pick<ReadPace, 'msPerByte'> {
  /** Tells whether its bytes were missing or wrong. They may be right all the same, and are verified like any others. */
  readonly isBad: boolean
  /** Tells whether its file-server is heard from and answers what it is asked. */
  readonly isAnswering: boolean
  /** The reads that are under way there cost so much, the one to be placed included. */
  readonly loadBytes: number
}

/**
 * Orders replicas for a read: bad ones last, before them those whose file-server does not answer. The others are drawn by lot.
 * Twice as fast is four times as likely to be first, so that what is equally fast shares the work, and a slow one has little
 * of it. A speed that is not known counts as that of the fastest. @param random draws from 0 to 1, 1 not included
 */
export function orderReplicas<T extends ReplicaView>(replicas: readonly T[], random: () => number): T[] {
  const fastest = Math.min(...replicas.map(({ msPerByte }) => msPerByte ?? Number.POSITIVE_INFINITY))
  const usual = Number.isFinite(fastest) ? fastest : 1
  return replicas
    .map((replica) => {
      const expectedMs = (replica.msPerByte ?? usual) * replica.loadBytes
      // The smallest of several exponential variates is each one's with a chance in proportion to its rate.
      return { replica, rank: rankOf(replica), lot: -Math.log(1 - random()) * expectedMs ** 2 }
    })
    .sort((a, b) => a.rank - b.rank || a.lot - b.lot)
    .map(({ replica }) => replica)
}

function rankOf({ isBad, isAnswering }: ReplicaView): number {
  return Number(isBad) * 2 + Number(!isAnswering)
}
