import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { checkCluster } from './check/check-cluster.ts'
import type { FaultCluster } from './cluster/fault-cluster.ts'
import { FaultLoad, type FaultLoadOptions } from './load/fault-load.ts'
import type { Operation } from './load/history.ts'
import { type Random, runCommit, type Seed } from './seed.ts'

export interface Campaign {
  /** The line that is printed names this kind of fault. */
  readonly kind: string
  readonly faultCount: number
  readonly seed: Seed
  readonly cluster: FaultCluster
  /** Does one fault, and undoes it unless that can wait for the end. */
  readonly strike: (cluster: FaultCluster, random: Random, load: FaultLoad) => Promise<void>
  /** The pause between two faults is a random share of this. */
  readonly maxPauseMs?: number
  readonly load?: Pick<FaultLoadOptions, 'clients' | 'maxBytes' | 'gustMs' | 'storageClass'>
}

export interface CampaignResult {
  readonly operationCount: number
  readonly ackedCount: number
  readonly indeterminateCount: number
  readonly operationsPerSecond: number
  readonly violations: readonly string[]
  readonly operations: readonly Operation[]
}

/**
 * Strikes a running cluster under load a number of times, heals it, compares it with what its clients were told, and
 * prints one line.
 * @throws where the load was too slow to show anything, or the cluster does not come back
 */
export async function runCampaign(campaign: Campaign): Promise<CampaignResult> {
  const { kind, faultCount, seed, cluster, strike, maxPauseMs = 200 } = campaign
  const load = FaultLoad.start({ urls: cluster.urls, seed: seed.fork('load'), ...campaign.load })
  const random = seed.fork('faults').random()
  const startedAt = performance.now()
  try {
    await load.isServed()
    for (let count = 0; count < faultCount; count++) {
      // A random moment is the point, so there is no condition to wait for.
      await delay(random.integer(0, maxPauseMs))
      await strike(cluster, random, load)
      await load.regainRate()
    }
    await load.isServed()
    const { operations } = await load.stop()
    await cluster.heal()
    const strikesEndedAt = performance.now()
    const violations = [...load.violations, ...(await checkCluster(cluster.view, operations))]
    const result = {
      operationCount: operations.length,
      ackedCount: load.history.count('acked'),
      indeterminateCount: load.history.count('indeterminate'),
      operationsPerSecond: load.operationsPerSecond,
      violations,
      operations,
    }
    const seconds = [strikesEndedAt - startedAt, performance.now() - strikesEndedAt].map((ms) => (ms / 1000).toFixed(0))
    console.log(
      `${kind}: seed ${seed.text} commit ${runCommit}: ${faultCount} faults, ${result.operationCount} operations, ` +
        `${result.ackedCount} acked, ${result.indeterminateCount} indeterminate, ${violations.length} violations, ` +
        `${result.operationsPerSecond.toFixed(0)} operations/s; ${seconds[0]} s under load, ${seconds[1]} s of checks`,
    )
    for (const violation of violations) console.log(`  ${violation}`)
    return result
  } catch (error) {
    console.log(`${kind}: seed ${seed.text} commit ${runCommit}: ended by ${error}`)
    throw error
  } finally {
    await load.end()
  }
}

/** Expects that the faults were felt and did no harm. */
export function expectNoHarm({ violations, indeterminateCount }: CampaignResult): void {
  expect(violations).toEqual([])
  expect(indeterminateCount).toBeGreaterThan(0)
}
