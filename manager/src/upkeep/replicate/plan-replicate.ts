import type { ServerId } from '@holdfast/shared/ids'
import type { Chunk, Replica } from '../../chunks/chunk.ts'
import { chooseServers, type ServerView } from '../../chunks/placement.ts'

/** The plan for a chunk goes by these. */
export interface Circumstances {
  /** Every chunk should have so many replicas that count. */
  readonly replicas: number
  /** These file-servers are connected. */
  readonly servers: readonly ServerView[]
  /** What these have does not count. */
  readonly lost: ReadonlySet<ServerId>
  /** Nothing that these should have is dropped. */
  readonly kept: ReadonlySet<ServerId>
  /** Has the zone of every file-server, connected or not. */
  readonly zones: ReadonlyMap<ServerId, string>
}

export type ChunkPlan =
  /** It has what it should have. */
  | { readonly kind: 'whole' }
  /** No replica counts, and none that is bad can be tried. */
  | { readonly kind: 'unrecoverable' }
  /** Something is to be done, but not at the moment. */
  | {
      readonly kind: 'stuck'
      readonly why: 'no file-server with a sound copy is there' | 'no file-server can take a copy'
    }
  | {
      readonly kind: 'heal'
      /** A copy is read from one of these, the first that can give it. Where none counts these are bad ones. */
      readonly sources: readonly Replica[]
      /** Each of these gets a copy. */
      readonly targets: readonly ServerId[]
      /** These replicas that count stay. */
      readonly staying: readonly Replica[]
      /** These leave once so many others as there should be were verified. */
      readonly dropped: readonly Replica[]
    }

/** @returns whether the replica counts */
function counts(replica: Replica, lost: ReadonlySet<ServerId>): boolean {
  return replica.bad === undefined && !lost.has(replica.server)
}

/** Two replicas on one file-server count as one, for they would be lost together. */
export function goodReplicas({ replicas }: Pick<Chunk, 'replicas'>, lost: ReadonlySet<ServerId>): Replica[] {
  const good = replicas.filter((replica) => counts(replica, lost))
  return good.filter(({ server }, index) => good.findIndex((other) => other.server === server) === index)
}

/** Plans what brings a chunk to the number of replicas that it should have, and nothing else. */
export function planReplication(chunk: Pick<Chunk, 'size' | 'replicas'>, circumstances: Circumstances): ChunkPlan {
  const { replicas: wanted, servers, lost, kept } = circumstances
  const good = goodReplicas(chunk, lost)
  if (chunk.replicas.length === 0) return { kind: 'whole' }
  const isHere = ({ server }: Replica): boolean => servers.some(({ id, isActive }) => id === server && isActive)
  const targets = chooseTargets(chunk, good, circumstances, isHere)
  if (good.length === 0) {
    // One that is not bad any more is noticed, because a copy is verified.
    const sources = chunk.replicas.filter(isHere)
    const isHopeless = sources.length === 0 || targets.length === 0
    return isHopeless ? { kind: 'unrecoverable' } : { kind: 'heal', sources, targets, staying: [], dropped: [] }
  }
  const staying = good.length > wanted ? keepSpread(good, circumstances, isHere) : good
  const dropped = chunk.replicas.filter((replica) => !staying.includes(replica) && !kept.has(replica.server))
  if (good.length >= wanted && dropped.length === 0 && targets.length === 0) return { kind: 'whole' }
  const sources = good.filter(isHere)
  if (sources.length === 0) return { kind: 'stuck', why: 'no file-server with a sound copy is there' }
  if (good.length < wanted && targets.length === 0) return { kind: 'stuck', why: 'no file-server can take a copy' }
  const verifiable = staying.filter(isHere).length + targets.length
  if (verifiable >= wanted) return { kind: 'heal', sources, targets, staying, dropped }
  // What leaves waits until so many of the others can be read.
  if (targets.length > 0) return { kind: 'heal', sources, targets, staying, dropped: [] }
  return { kind: 'stuck', why: 'no file-server with a sound copy is there' }
}

/**
 * Chooses file-servers in other zones than the replicas that count while there are enough, and such with none of the chunk's
 * replicas before one that only has a bad one. A chunk that has its replicas, but in fewer zones than it could, gets some in
 * others, and then has a surplus of which the spread ones stay.
 */
function chooseTargets(
  chunk: Pick<Chunk, 'size' | 'replicas'>,
  good: readonly Replica[],
  { replicas: wanted, servers, zones }: Circumstances,
  isHere: (replica: Replica) => boolean,
): ServerId[] {
  const zoneById = new Map([...zones, ...servers.map(({ id, zone }) => [id, zone] as const)])
  const takenZones = new Set(good.map(({ server }) => zoneById.get(server) ?? server))
  const targets: ServerId[] = []
  const isWidened = good.length === wanted && good.every(isHere)
  while (isWidened ? takenZones.size < wanted : good.length + targets.length < wanted) {
    const taken = [...good.map(({ server }) => server), ...targets]
    const known = [...chunk.replicas.map(({ server }) => server), ...targets]
    const elsewhere = servers.filter(({ zone }) => !takenZones.has(zone))
    const choose = (among: readonly ServerView[], exclude: readonly ServerId[]): ServerId | undefined =>
      chooseServers(among, { count: 1, sizeBytes: chunk.size, exclude })[0]
    const target = isWidened
      ? choose(elsewhere, known)
      : (choose(elsewhere, known) ?? choose(servers, known) ?? choose(elsewhere, taken) ?? choose(servers, taken))
    if (target === undefined) break
    targets.push(target)
    takenZones.add(zoneById.get(target) ?? target)
  }
  return targets
}

/** @returns as many as there should be: those on file-servers that are there first, in as many zones as there can be */
function keepSpread(
  good: readonly Replica[],
  { replicas: wanted, servers, zones }: Circumstances,
  isHere: (replica: Replica) => boolean,
): Replica[] {
  const viewOf = (id: ServerId) => servers.find((server) => server.id === id)
  const zone = ({ server }: Replica): string => viewOf(server)?.zone ?? zones.get(server) ?? server
  const fullness = ({ server }: Replica): number => viewOf(server)?.copyCount ?? 0
  const left = good.toSorted((a, b) => Number(isHere(b)) - Number(isHere(a)) || fullness(a) - fullness(b))
  const staying: Replica[] = []
  while (staying.length < wanted && left.length > 0) {
    const taken = new Set(staying.map(zone))
    const best = left.findIndex((replica) => isHere(replica) && !taken.has(zone(replica)))
    staying.push(...left.splice(Math.max(0, best), 1))
  }
  return staying
}
