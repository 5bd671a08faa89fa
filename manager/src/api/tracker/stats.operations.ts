import { z } from 'zod'
import { count, dateTime, errorsAnywhere, json, type Operation } from '../../http/openapi.ts'
import type { Refusals } from '../../peers/stats/tracker-counts.ts'

const ofProtocols = z.object({ udp: count, http: count })
const refused = z.object({
  tooOften: count.describe('Its network asks more often than it may'),
  notTracked: count.describe('The info-hash was not registered, and TRACKER_OPEN is not set'),
  noRoom: count.describe('The address has too many peers in the swarm, or the tracker as many as it keeps'),
  malformed: count.describe('It is no request, or comes from an address that no peer has'),
  unverified: count.describe('A datagram without the connection id of its address'),
  unavailable: count.describe('The database does not answer, or too many wait for it'),
} satisfies Record<keyof Refusals, z.ZodType>)

const managerStats = z.object({
  manager: z.string(),
  since: dateTime.describe('When it started; what it has done is counted from then'),
  swarms: count.describe('In its memory, as peers and seeds are'),
  peers: count,
  seeds: count,
  announces: ofProtocols.describe('Those that were answered'),
  scrapes: ofProtocols,
  refused,
  completed: count,
  heartbeats: z.object({ sent: count, answered: count, lost: count }),
})

const trackerStatus = z
  .object({
    peers: count.describe("BitTorrent's, in the database"),
    hashes: count,
    tracks: count,
    users: z.object({ active: count, inactive: count }),
    managers: z.array(managerStats).describe('What each manager has done, by its id'),
  })
  .meta({ id: 'TrackerStatus' })

export type TrackerStatusAnswer = Readonly<z.output<typeof trackerStatus>>

export const statsOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/tracker/stats',
    operationId: 'getTrackerStats',
    summary: 'What the trackers hold and have done; an operator route',
    isOperators: true,
    answers: { 200: { description: 'Of all managers, up to five seconds ago', content: json(trackerStatus) } },
    errors: ['UNAUTHORIZED', ...errorsAnywhere],
  },
  {
    method: 'get',
    path: '/metrics',
    operationId: 'getMetrics',
    summary: 'The same for Prometheus; an operator route',
    isOperators: true,
    answers: { 200: { description: 'Text of version 0.0.4', content: { 'text/plain': z.string() } } },
    errors: ['UNAUTHORIZED', ...errorsAnywhere],
  },
]
