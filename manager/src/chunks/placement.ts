import type { ServerId } from '@holdfast/shared/ids'

/** Placement sees a file-server like this. */
export interface ServerView {
  readonly id: ServerId
  /** Tells whether it is connected and was heard from lately. */
  readonly isActive: boolean
  /** Tells whether it takes new copies, being neither full nor with a failed disk. */
  readonly isWritable: boolean
  /** Tells whether it lately was asked to store bytes and did not answer in time. */
  readonly isSilent: boolean
  /** What has the same zone fails together. */
  readonly zone: string
  /** Counts the copies that it holds, and those on their way to it. */
  readonly copyCount: number
  /** It can still take so many bytes; those on their way to it are taken off. */
  readonly roomBytes: number
}

export interface PlacementWish {
  readonly count: number
  /** The copy needs so many bytes, 0 where that is not known. */
  readonly sizeBytes: number
  readonly exclude?: readonly ServerId[]
  /** Other replicas of the same chunk are in these zones. */
  readonly zones?: readonly string[]
}

/** One copy is to be placed like this. */
export type CopyWish = Omit<PlacementWish, 'count'>

/**
 * Chooses at most `count` active file-servers with room, one after the other: those that were silent last, then those whose
 * zone has no replica yet first, then those with the fewest copies, and among equals the roomier one.
 */
export function chooseServers(servers: readonly ServerView[], wish: PlacementWish): ServerId[] {
  const left = servers
    .filter((server) => canTake(server, wish))
    .sort((a, b) => a.copyCount - b.copyCount || b.roomBytes - a.roomBytes || (a.id < b.id ? -1 : 1))
  const zones = new Set(wish.zones)
  const rankOf = ({ isSilent, zone }: ServerView): number => 2 * Number(isSilent) + Number(zones.has(zone))
  const chosen: ServerId[] = []
  while (chosen.length < wish.count && left.length > 0) {
    const next = left.reduce((best, server) => (rankOf(server) < rankOf(best) ? server : best))
    left.splice(left.indexOf(next), 1)
    zones.add(next.zone)
    chosen.push(next.id)
  }
  return chosen
}

/** @returns whether a copy of this size can be stored there at this moment */
export function canTake(server: ServerView, { sizeBytes, exclude }: CopyWish): boolean {
  return server.isActive && server.isWritable && server.roomBytes >= sizeBytes && !exclude?.includes(server.id)
}
