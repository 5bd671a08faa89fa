import { StartError } from '@holdfast/shared/node/run-service'
import type { ProcessEnd } from '../processes/running-process.ts'

/** A process that says it cannot start ends the whole start, until all is ready. */
export interface StartupWatch {
  /** Rejects with a StartError. */
  readonly failed: Promise<never>
  onEnded(name: string, end: ProcessEnd): void
  end(): void
}

/**
 * @param patienceMs is how long such a process is started again instead, because what a killed start left behind may
 * still be going away.
 */
export function watchStartup(patienceMs: number): StartupWatch {
  const patientUntil = performance.now() + patienceMs
  let isOver = false
  let fail: (error: StartError) => void = () => undefined
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject
  })
  // It may fail while nobody waits for it; whoever waits next hears of it.
  failed.catch(() => undefined)
  return {
    failed,
    onEnded: (name, { cannotStart }) => {
      if (isOver || cannotStart === null || performance.now() < patientUntil) return
      fail(new StartError(`The ${name} cannot start: ${cannotStart}`))
    },
    end: () => {
      isOver = true
    },
  }
}
