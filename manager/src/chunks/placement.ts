import type { ServerId } from '@holdfast/shared/ids'

/** A file-server as placement sees it. */
export interface ServerView {
  readonly id: ServerId
  /** Connected and heard from lately. */
  readonly isActive: boolean
  /** Takes new copies: neither full nor with a failed disk. */
  readonly isWritable: boolean
  /** Was asked to store bytes and did not answer in time. */
  readonly isSilent: boolean
  /** Files it holds, and those on their way to it. */
  readonly fileCount: number
  /** Bytes it can still take, less those on their way to it. */
  readonly roomBytes: number
}

export interface PlacementWish {
  readonly count: number
  /** What the copy needs, or 0 where it is not known. */
  readonly sizeBytes: number
  readonly exclude?: readonly ServerId[]
}

/**
 * The active file-servers with room that hold the fewest files, at most `count`; the roomier one where they are equal, and
 * those that were silent last.
 */
export function chooseServers(servers: readonly ServerView[], wish: PlacementWish): ServerId[] {
  return servers
    .filter((server) => canTake(server, wish))
    .sort(
      (a, b) =>
        Number(a.isSilent) - Number(b.isSilent) ||
        a.fileCount - b.fileCount ||
        b.roomBytes - a.roomBytes ||
        (a.id < b.id ? -1 : 1),
    )
    .slice(0, wish.count)
    .map((server) => server.id)
}

/** Whether a copy of this size can be stored there now. */
export function canTake(server: ServerView, { sizeBytes, exclude }: Omit<PlacementWish, 'count'>): boolean {
  return server.isActive && server.isWritable && server.roomBytes >= sizeBytes && !exclude?.includes(server.id)
}
