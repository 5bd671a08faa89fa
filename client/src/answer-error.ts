import { type ErrorName, errorRow, errorTable, isErrorName } from '@holdfast/shared/errors/error-table'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { parseJson } from '@holdfast/shared/parse-json'

/** An error body is short; a longer one is something else. The unit is characters. */
const MAX_BODY = 64 * 1024

/**
 * Turns the answer of a manager, or of a proxy in front of it, into the error that it stands for. @param body is as it
 * came.
 */
export function errorFromAnswer(status: number, body: string): StoreError {
  const { error, message, detail } = parseBody(body)
  if (isErrorName(error)) return new StoreError(error, typeof detail === 'string' ? detail.slice(0, 500) : undefined)
  const said = typeof message === 'string' ? `: ${message.slice(0, 200)}` : ''
  return new StoreError(nameForStatus(status), `HTTP ${status}${said}`)
}

function parseBody(body: string): Record<string, unknown> {
  return body.length > MAX_BODY ? {} : Object(parseJson(body))
}

/** Some answers are not a manager's: a proxy's 502 is as temporary as a manager's 503. */
function nameForStatus(status: number): ErrorName {
  if (status === 404) return 'ROUTE_NOT_FOUND'
  if (status === 502 || status === 503 || status === 504) return 'SERVERS_UNAVAILABLE'
  const names = Object.keys(errorTable) as ErrorName[]
  return names.find((name) => errorRow(name).status === status && errorRow(name).shownAs === undefined) ?? 'INTERNAL'
}
