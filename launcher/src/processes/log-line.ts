import { parseJson } from '@holdfast/shared/parse-json'

/** The console shows this of a line that a child logged. */
export type ShownLine =
  | { readonly kind: 'hidden' }
  | { readonly kind: 'shown'; readonly text: string; readonly cannotStart: string | null }

const shownLevels = new Set(['warn', 'error', 'fatal'])
const hidden: ShownLine = { kind: 'hidden' }
/** These fields are in every line and of no use to the person at the console. */
const plumbing = new Set(['level', 'time', 'message', 'process', 'pid', 'hostname'])

/** A child logs JSON lines. Any other line comes from its runtime, and is shown as it is. */
export function readLogLine(line: string): ShownLine {
  if (line.trim() === '') return hidden
  const fields = line.startsWith('{') ? (parseJson(line) as Record<string, unknown> | null) : null
  if (fields === null) return { kind: 'shown', text: line, cannotStart: null }
  const { level, message, reason } = fields
  if (typeof level !== 'string' || !shownLevels.has(level)) return hidden
  const cannotStart = level === 'fatal' && typeof reason === 'string' ? reason : null
  const rest = Object.entries(fields).filter(([name]) => !plumbing.has(name))
  const shownRest = rest.length === 0 ? '' : ` ${JSON.stringify(Object.fromEntries(rest.map(shorten)))}`
  return { kind: 'shown', text: `${level}: ${String(message ?? '')}${shownRest}`, cannotStart }
}

/** The console gets only the message of an error, because the log file has its stack. */
function shorten([name, value]: [string, unknown]): [string, unknown] {
  const isError = name === 'err' && typeof value === 'object' && value !== null && 'message' in value
  return [name, isError ? value.message : value]
}
