import type { ServerId } from '@holdfast/shared/ids'

/** Placement sees a file-server like this. */
export interface ServerView {
  readonly id: ServerId
  /** Whether it is connected and was heard from lately. */
  readonly isActive: boolean
  /** Whether it takes new copies, being neither full nor with a failed disk. */
  readonly isWritable: boolean
  /** Whether it lately was asked to store bytes and did not answer in time. */
  readonly isSilent: boolean
  /** Counts the files that it holds, and those on their way to it. */
  readonly fileCount: number
  /** It can still take so many bytes; those on their way to it are taken off. */
  readonly roomBytes: number
}

export interface PlacementWish {
  readonly count: number
  /** The copy needs so many bytes, 0 where that is not known. */
  readonly sizeBytes: number
  readonly exclude?: readonly ServerId[]
}

/**
 * Chooses at most `count` active file-servers with room: those with the fewest files first, among equals the roomier one, and
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

/** @returns whether a copy of this size can be stored there at this moment */
export function canTake(server: ServerView, { sizeBytes, exclude }: Omit<PlacementWish, 'count'>): boolean {
  return server.isActive && server.isWritable && server.roomBytes >= sizeBytes && !exclude?.includes(server.id)
}
