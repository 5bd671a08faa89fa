import { type Logger, pino } from 'pino'

export type { Logger }

/** At most this many characters wait for an output that takes nothing for the moment; further lines are dropped. */
const MAX_WAITING = 1024 * 1024

/**
 * Writes JSON lines on standard output: the object first, a constant message, never bytes, tokens or bodies. Each line is
 * written before the call returns, so that the lines which explain the end of a process are in order and not lost with it. An
 * output that is closed or full ends nobody's service: its lines wait, or are lost.
 */
export function createLogger(process: string, level: string): Logger {
  const destination = pino.destination({ dest: 1, sync: true, maxLength: MAX_WAITING })
  destination.on('error', () => undefined)
  return pino(
    {
      level,
      base: { process },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: [
          ...['secret', '*.secret', 'clusterSecret', '*.clusterSecret', 'mongoUrl', 'bytes', '*.bytes'],
          ...['authorization', '*.authorization', '*.headers.authorization', 'ticket', '*.ticket'],
        ],
        censor: '***',
      },
    },
    destination,
  )
}
