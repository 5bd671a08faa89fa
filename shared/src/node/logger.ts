import { type Logger, pino } from 'pino'

export type { Logger }

/**
 * JSON lines on standard output: the object first, a constant message, never bytes, tokens or bodies. Each is written
 * before the call returns, so that the lines which explain the end of a process are in order and not lost with it.
 */
export function createLogger(process: string, level: string): Logger {
  return pino(
    {
      level,
      base: { process },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: ['secret', '*.secret', 'clusterSecret', 'mongoUrl', 'authorization', 'bytes', '*.bytes'],
        censor: '***',
      },
    },
    pino.destination({ dest: 1, sync: true }),
  )
}
