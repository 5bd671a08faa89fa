import { toStoreError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'
import type { FileServerRegistry } from '../chunks/registry.ts'
import type { HolderRecords } from '../files/holder-records.ts'
import { type ReconcileLimits, ReconcileSchedule, reconcileServer } from './reconcile-server.ts'
import type { Loop } from './upkeep.ts'

/**
 * Makes the loop that reconciles every file-server in turn, each one again after `everyMs`. One that fails keeps none of the
 * others waiting.
 */
export function reconciler(
  deps: { registry: FileServerRegistry; holders: HolderRecords; log: Logger },
  limits: ReconcileLimits & { readonly everyMs: number },
): Loop {
  const { registry, holders, log } = deps
  const schedule = new ReconcileSchedule()
  return {
    name: 'reconcile',
    everyMs: Math.min(limits.everyMs, 5_000),
    async run(signal) {
      for (const link of registry.links) {
        if (signal.aborted || !registry.isActive(link)) continue
        if (!schedule.isDue(link.id, performance.now(), limits.everyMs)) continue
        const startedAt = performance.now()
        const place = { serverId: link.id, name: link.name }
        const report = await reconcileServer(holders, link, limits, log, signal).catch((thrown: unknown) => {
          const error = toStoreError(thrown)
          if (!signal.aborted) log.warn({ ...place, error: error.name, err: error }, 'reconcile will try again')
          return null
        })
        if (report === null) continue
        schedule.done(link.id, performance.now())
        const fields = { ...place, ...report, tookMs: Math.round(performance.now() - startedAt) }
        if (report.isHalted) log.error(fields, 'reconcile stopped: an unlikely share of the copies has no record')
        else if (report.missingCount > 0) log.error(fields, 'reconciled: records name copies that are not there')
        else if (report.collectedCount + report.restoredCount > 0) log.info(fields, 'reconciled')
        else log.debug(fields, 'reconciled')
      }
      return false
    },
  }
}
