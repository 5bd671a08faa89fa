import type { ServerId } from '@holdfast/shared/ids'

/**
 * Lists the file-servers that may have no other replica of a chunk that moves from one file-server to another. A move within
 * a zone changes nothing about a chunk's spread; one into another zone needs that zone to have none.
 * @param zones has the zone of every file-server that may have a replica, connected or not
 */
export function keptApart(
  zones: ReadonlyMap<ServerId, string>,
  { from, to }: { readonly from: ServerId; readonly to: ServerId },
): ServerId[] {
  const zone = zones.get(to)
  if (zone === zones.get(from)) return [to]
  return [...new Set([to, ...[...zones].filter(([, other]) => other === zone).map(([id]) => id)])]
}
