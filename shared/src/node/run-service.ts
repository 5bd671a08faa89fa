import { setTimeout as delay } from 'node:timers/promises'
import { SettingsError } from '../settings/settings.ts'
import type { Logger } from './logger.ts'

/** A process is one service, which its `app.ts` starts and `close` ends. */
export interface Service {
  /** Ends the service in order: it takes no new work, finishes or aborts what runs, and closes everything. */
  close(): Promise<void>
  /** Rejects when the service cannot go on (its data directory was taken over, say). */
  readonly failed?: Promise<never>
}

/** Tells the person who started a process, in one sentence, why it cannot start. */
export class StartError extends Error {}

/** A shutdown that takes longer is cut off. */
const SHUTDOWN_LIMIT_MS = 20_000

/**
 * Runs a service until SIGTERM, SIGINT, SIGHUP, or the end of its parent (the IPC channel closes). The exit code is 0 after
 * an orderly end, and 1 where it could not start or go on. An unhandled error ends the process at once, for its state is not
 * to be trusted.
 * @param start is given a signal that fires when the process is to end, and may throw that signal's reason
 */
export async function runService(
  title: string,
  log: Logger,
  start: (signal: AbortSignal) => Promise<Service>,
): Promise<void> {
  process.title = title
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error) => {
      log.fatal({ err: error }, 'unhandled error')
      process.exit(1)
    })
  }
  const ended = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => resolve(signal))
    process.on('disconnect', () => resolve('parent gone'))
  })
  const ending = new AbortController()
  void ended.then(() => ending.abort())
  try {
    const service = await Promise.race([start(ending.signal), ended.then(giveUpStart)])
    const reason = await Promise.race([ended, service.failed ?? new Promise<never>(() => {})])
    log.info({ reason }, 'stopping')
    await Promise.race([
      service.close(),
      delay(SHUTDOWN_LIMIT_MS, undefined, { ref: false }).then(() => log.warn('shutdown took too long')),
    ])
    log.info('stopped')
    process.exit(0)
  } catch (error) {
    if (ending.signal.aborted && error === ending.signal.reason) {
      log.info('stopped')
      process.exit(0)
    }
    if (error instanceof SettingsError || error instanceof StartError)
      log.fatal({ reason: error.message }, 'cannot start')
    else log.fatal({ err: error }, 'failed')
    process.exit(1)
  }
}

/** A start that is ended may finish, so that what it holds is closed, or throw the signal's reason. One that hangs is cut off. */
async function giveUpStart(): Promise<never> {
  await delay(SHUTDOWN_LIMIT_MS)
  throw new StartError('ended before the start was done')
}
