import type { FileServer, Upkeep } from '../api/answers.ts'

/** A file-server that is shown is one that is heard from, or one that the cluster has and misses. */
export type ShownServer =
  | ({ readonly kind: 'heard' } & FileServer)
  | {
      readonly kind: 'silent' | 'lost'
      readonly id: string
      readonly name: string
      readonly zone?: string | undefined
      readonly heardAt: string | null
    }

/** Puts those that are heard from together with those that are not, by zone and name. @param before what was shown last */
export function serversOf(
  heard: readonly FileServer[],
  upkeep: Upkeep | null,
  before: readonly ShownServer[],
): ShownServer[] {
  const shown = new Map<string, ShownServer>()
  // Upkeep tells some seconds later, so what was seen a moment ago stays.
  for (const server of before)
    shown.set(
      server.id,
      server.kind === 'heard'
        ? { kind: 'silent', id: server.id, name: server.name, zone: server.zone, heardAt: server.lastPingAt }
        : server,
    )
  const silent = upkeep?.fileServers.silent ?? []
  const lost = upkeep?.fileServers.lost ?? []
  for (const { lastHeardAt, ...server } of silent)
    shown.set(server.id, { ...server, kind: 'silent', heardAt: lastHeardAt })
  for (const { lostAt, ...server } of lost) shown.set(server.id, { ...server, kind: 'lost', heardAt: lostAt })
  for (const server of heard) shown.set(server.id, { ...server, kind: 'heard' })
  const names = new Intl.Collator('en', { numeric: true })
  return [...shown.values()].sort((a, b) => names.compare(a.zone ?? '', b.zone ?? '') || names.compare(a.name, b.name))
}
