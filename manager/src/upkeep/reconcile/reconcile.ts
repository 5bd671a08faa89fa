import { toStoreError } from '@holdfast/shared/errors/store-error'
import type { ServerId } from '@holdfast/shared/ids'
import type { FileServerLink } from '../../chunks/links/file-server-link.ts'
import type { FileServerRegistry } from '../../chunks/registry.ts'
import type { Loop } from '../upkeep.ts'
import { type ReconcileDeps, type ReconcileLimits, type ReconcileReport, reconcileServer } from './reconcile-server.ts'

export interface ReconcilerDeps extends ReconcileDeps {
  readonly registry: FileServerRegistry
  /** Is called when replicas were marked as missing, so that they are replaced soon. */
  readonly onMarked: () => void
}

export interface ReconcilerLimits extends ReconcileLimits {
  readonly everyMs: number
}

/** Says of which file-servers orphans are kept, because they are an unlikely share of what it has. */
export type HaltedOrphans = ReadonlyMap<ServerId, { readonly orphans: number; readonly copies: number }>

/**
 * Makes the loop that reconciles every file-server in turn, each one again after `everyMs`, when the grace of its orphans is
 * over, and when it has been started anew. One that fails keeps none of the others waiting.
 */
export function reconciler(deps: ReconcilerDeps, limits: ReconcilerLimits): Loop & { readonly halted: HaltedOrphans } {
  const { registry, log } = deps
  /** Each file-server is due again then, or at once where it has been started anew. */
  const next = new Map<ServerId, { readonly at: number; readonly bootId: string }>()
  const isDue = ({ id, bootId }: FileServerLink): boolean => {
    const own = next.get(id)
    return own?.bootId !== bootId || performance.now() >= own.at
  }
  const halted = new Map<ServerId, { orphans: number; copies: number }>()
  let [doneCount, remaining] = [0, 0]
  return {
    name: 'reconcile',
    everyMs: Math.min(limits.everyMs, 5_000),
    halted,
    async run(signal) {
      const due = registry.links.filter(isDue)
      remaining = due.length
      for (const link of due) {
        remaining--
        if (signal.aborted || !registry.isActive(link)) continue
        const startedAt = performance.now()
        const place = { serverId: link.id, name: link.name }
        const report = await reconcileServer(deps, link, limits, signal).catch((thrown: unknown) => {
          const error = toStoreError(thrown)
          if (!signal.aborted) log.warn({ ...place, error: error.name, err: error }, 'reconcile will try again')
          return null
        })
        if (report === null || signal.aborted) continue
        const at = performance.now() + pauseAfter(report, limits)
        if (!report.isCut) next.set(link.id, { at, bootId: link.bootId })
        doneCount++
        if (report.isHalted) halted.set(link.id, { orphans: report.orphanCount, copies: report.copyCount })
        else halted.delete(link.id)
        if (report.markedCount + report.recountedCount > 0) deps.onMarked()
        const fields = { ...place, ...report, tookMs: Math.round(performance.now() - startedAt) }
        if (report.isHalted) log.error(fields, 'reconcile stopped: an unlikely share of the copies has no record')
        else if (report.isMissingShare)
          log.error(fields, 'an unlikely share of the copies is missing: they are replaced, but nothing is dropped')
        else if (report.missingSingleCount > 0) log.error(fields, 'reconciled: records name copies that are not there')
        else if (report.markedCount > 0) log.warn(fields, 'reconciled: copies are missing, and are replaced')
        else if (report.collectedCount + report.restoredCount + report.recountedCount > 0)
          log.info(fields, 'reconciled')
        else log.debug(fields, 'reconciled')
      }
      return false
    },
    progress: () => ({ done: doneCount, remaining, bytesPerSecond: null, secondsLeft: null }),
  }
}

function pauseAfter({ orphanCount, collectedCount }: ReconcileReport, { everyMs, graceMs }: ReconcilerLimits): number {
  return orphanCount > collectedCount ? Math.min(everyMs, graceMs) : everyMs
}
