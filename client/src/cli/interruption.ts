/** npm passes a Ctrl-C on to a process that has already got it, so two signals this close together count as one. */
const SAME_PRESS_MS = 500

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Fires at the first signal, so that the work under way ends in order. A second one must not end the process in the
 * middle of that by itself, because temporary files would stay. @param force is called for a second one
 */
export function watchSignals(force: () => void): AbortSignal {
  const controller = new AbortController()
  let firstAt: number | null = null
  for (const signal of signals) {
    process.on(signal, () => {
      firstAt ??= performance.now()
      if (!controller.signal.aborted) controller.abort(signal)
      else if (performance.now() - firstAt > SAME_PRESS_MS) force()
    })
  }
  return controller.signal
}
