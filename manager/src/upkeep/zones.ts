import type { ServerId } from '@holdfast/shared/ids'

/** A file-server that tells no zone is a zone by itself. */
export function zoneOf({ id, zone }: { readonly id: ServerId; readonly zone?: string }): string {
  return zone ?? id
}

/**
 * Lists the file-servers that may have no other replica of a chunk that moves from one file-server to another. A move within
 * a zone changes nothing about a chunk's spread; one into another zone needs that zone to have none.
 */
export function keptApart(
  servers: readonly { readonly id: ServerId; readonly zone?: string }[],
  { from, to }: { readonly from: ServerId; readonly to: ServerId },
): ServerId[] {
  const zoneById = new Map(servers.map((server) => [server.id, zoneOf(server)]))
  const zone = zoneById.get(to)
  if (zone === zoneById.get(from)) return [to]
  return [...new Set([to, ...servers.filter((server) => zoneOf(server) === zone).map(({ id }) => id)])]
}
