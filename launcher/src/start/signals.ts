/** npm passes a Ctrl-C on to a process that has already got it, so two signals this close together count as one. */
const SAME_PRESS_MS = 500

export interface Interruption {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal
  end(): void
}

const PARENT_CHECK_MS = 500

/**
 * The first SIGINT, SIGTERM or SIGHUP asks for an orderly end, and a second one forces it. npm's shell dies of a
 * SIGTERM instead of passing it on, so under npm the end of the parent counts as one.
 */
export function watchSignals(onForced: () => void, isUnderNpm: boolean): Interruption {
  const controller = new AbortController()
  let firstAt: number | null = null
  const onSignal = () => {
    if (firstAt === null) {
      firstAt = performance.now()
      controller.abort()
    } else if (performance.now() - firstAt > SAME_PRESS_MS) onForced()
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of signals) process.on(name, onSignal)
  const parent = process.ppid
  const timer = setInterval(() => {
    if (!isUnderNpm || process.ppid === parent) return
    clearInterval(timer)
    controller.abort()
  }, PARENT_CHECK_MS).unref()
  return {
    signal: controller.signal,
    end: () => {
      clearInterval(timer)
      for (const name of signals) process.off(name, onSignal)
    },
  }
}
