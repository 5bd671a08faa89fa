import Router from '@koa/router'
import { METRICS_TYPE, type Metric, renderMetrics } from '../../http/metrics.ts'
import type { RequireOperator } from '../../http/operator.ts'
import type { RequestState } from '../../http/request-context.ts'
import type { ManagerStats, TrackerStats, TrackerStatus } from '../../peers/stats/tracker-stats.ts'
import type { TrackerStatusAnswer } from './stats.operations.ts'

export interface StatsApiDeps {
  readonly stats: TrackerStats
  readonly requireOperator: RequireOperator
}

/** Serves `GET /tracker/stats`, and the same as `GET /metrics`, both for an operator. */
export function statsRoutes({ stats, requireOperator }: StatsApiDeps): Router<RequestState> {
  const router = new Router<RequestState>()
  router.get('/tracker/stats', async (ctx) => {
    requireOperator(ctx)
    const { managers, ...stored } = await stats.read()
    const answer: TrackerStatusAnswer = { ...stored, managers: [...managers] }
    ctx.body = answer
  })
  router.get('/metrics', async (ctx) => {
    requireOperator(ctx)
    const status = await stats.read()
    ctx.set('Content-Type', METRICS_TYPE)
    ctx.body = renderMetrics([...storedMetrics(status), ...managerMetrics(status.managers)])
  })
  return router
}

function storedMetrics({ peers, hashes, tracks, users }: TrackerStatus): Metric[] {
  const gauge = (name: string, help: string, value: number): Metric => {
    return { name: `holdfast_tracker_${name}`, kind: 'gauge', help, samples: [{ value }] }
  }
  return [
    gauge('stored_peers', 'Peers of BitTorrent in the database.', peers),
    gauge('stored_hashes', 'Hashes that were registered by POST /hash.', hashes),
    gauge('tracks', 'Files of users.', tracks),
    {
      name: 'holdfast_tracker_users',
      kind: 'gauge',
      help: 'Users by whether they are online.',
      samples: by('state', users),
    },
  ]
}

function managerMetrics(managers: readonly ManagerStats[]): Metric[] {
  const each = (
    name: string,
    kind: Metric['kind'],
    help: string,
    samplesOf: (stats: ManagerStats) => Metric['samples'],
  ): Metric => ({
    ...{ name: `holdfast_tracker_${name}`, kind, help },
    samples: managers.flatMap((stats) =>
      samplesOf(stats).map(({ labels, value }) => ({ labels: { manager: stats.manager, ...labels }, value })),
    ),
  })
  return [
    each('swarms', 'gauge', 'Swarms in memory.', ({ swarms }) => [{ value: swarms }]),
    each('peers', 'gauge', 'Peers in memory.', ({ peers }) => [{ value: peers }]),
    each('seeds', 'gauge', 'Peers in memory that have all bytes.', ({ seeds }) => [{ value: seeds }]),
    each('announces_total', 'counter', 'Announces that were answered.', ({ announces }) => by('protocol', announces)),
    each('scrapes_total', 'counter', 'Scrapes that were answered.', ({ scrapes }) => by('protocol', scrapes)),
    each('refused_total', 'counter', 'Requests that were not served.', ({ refused }) => by('reason', { ...refused })),
    each('completed_total', 'counter', 'Peers that have completed their bytes.', ({ completed }) => [
      { value: completed },
    ]),
    each('heartbeats_total', 'counter', 'Heartbeats to users.', ({ heartbeats }) => by('outcome', heartbeats)),
  ]
}

function by(label: string, values: Readonly<Record<string, number>>): Metric['samples'] {
  return Object.entries(values).map(([key, value]) => ({ labels: { [label]: key }, value }))
}
