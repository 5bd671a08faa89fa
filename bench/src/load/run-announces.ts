import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type Announcer, addressOf } from './announcer.ts'
import { HttpAnnouncer } from './http-announcer.ts'
import { percentiles } from './run-load.ts'
import { UdpAnnouncer } from './udp-announcer.ts'

/** Tells a load process to announce peers. Everything in it survives JSON. */
export interface AnnounceOrder {
  readonly protocol: 'udp' | 'http'
  /** This is the tracker's address over HTTP. It has the same port over UDP. */
  readonly url: string
  /** Tells whether each client announces the same peer in every swarm again and again, or a new one each time. */
  readonly peers: 'known' | 'new'
  readonly clients: number
  readonly swarmCount: number
  /** Each client ends after so long or so many, whichever comes first. */
  readonly maxMs: number
  readonly maxEach: number
  /** The info-hashes follow from it. */
  readonly run: string
  /** This is the lowest number that no new peer of any client has had. */
  readonly nextNumber: number
}

export interface AnnounceResult {
  /** Counts the announces that were taken; whoever was refused asked again. */
  readonly doneCount: number
  readonly refusedCount: number
  readonly nextNumber: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Tells how much CPU the load process itself used. */
  readonly clientUs: number
}

const KNOWN_PORT = 6_881
const FIRST_NEW_PORT = 10_000
/** A tracker may take no more peers of one address in one swarm; one of them is known. */
const MAX_NEW_PORTS = 63
/** Every fourth client has all bytes. */
const SEED_EVERY = 4
/** Whoever is refused waits so long. */
const PAUSE_MS = 20

/** @throws where a tracker does not answer, or answers something else */
export async function runAnnounces(order: AnnounceOrder): Promise<AnnounceResult> {
  const announcers = await openAnnouncers(order)
  const latencies: number[] = []
  let refusedCount = 0
  let mostEach = 0
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  const client = async (announcer: Announcer, index: number): Promise<void> => {
    const isSeed = index % SEED_EVERY === 0
    for (let count = 0; count < order.maxEach; count++) {
      const sentAt = performance.now()
      if (sentAt - startedAt >= order.maxMs) return
      const place = placeOf(order, count)
      while (!(await announcer.announce({ ...place, isSeed }))) {
        refusedCount += 1
        await delay(PAUSE_MS)
        if (performance.now() - startedAt >= order.maxMs) return
      }
      latencies.push(performance.now() - sentAt)
      mostEach = Math.max(mostEach, count + 1)
    }
  }
  try {
    await Promise.all(announcers.map(client))
  } finally {
    for (const announcer of announcers) announcer.close()
  }
  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const nextNumber = order.nextNumber + (order.peers === 'new' ? mostEach : 0)
  return { ...percentiles(latencies), refusedCount, nextNumber, seconds, clientUs: user + system }
}

function placeOf({ peers, swarmCount, nextNumber }: AnnounceOrder, count: number): { swarm: number; port: number } {
  if (peers === 'known') return { swarm: count % swarmCount, port: KNOWN_PORT }
  const number = nextNumber + count
  const round = Math.floor(number / swarmCount)
  if (round >= MAX_NEW_PORTS) throw new Error('the clients have no further peers')
  return { swarm: number % swarmCount, port: FIRST_NEW_PORT + round }
}

async function openAnnouncers({ protocol, url, clients, swarmCount, run }: AnnounceOrder): Promise<Announcer[]> {
  const hashes = Array.from({ length: swarmCount }, (_, swarm) => createHash('sha1').update(`${run} ${swarm}`).digest())
  const addresses = Array.from({ length: clients }, (_, client) => addressOf(client))
  const target = new URL(url)
  if (protocol === 'udp') return Promise.all(addresses.map((address) => UdpAnnouncer.open(target, address, hashes)))
  const escaped = hashes.map((hash) => hash.toString('hex').replace(/../g, '%$&'))
  return addresses.map((address) => new HttpAnnouncer(target, address, escaped))
}
