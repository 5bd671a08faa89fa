/** npm passes a Ctrl-C on to a process that got it already. Two of them this close together are one. */
const SAME_PRESS_MS = 500

export interface Interruption {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal
  end(): void
}

/** The first SIGINT, SIGTERM or SIGHUP asks for an orderly end, a second one forces it. */
export function watchSignals(onForced: () => void): Interruption {
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
  return {
    signal: controller.signal,
    end: () => {
      for (const name of signals) process.off(name, onSignal)
    },
  }
}
