import { type ErrorName, errorRow, isErrorName } from './error-table.ts'

/**
 * Every error is of this class. Callers branch on `name`; `detail` is a clear sentence for the user, and `cause` is for logs
 * only.
 */
export class StoreError extends Error {
  override readonly name: ErrorName
  readonly detail: string | undefined

  constructor(name: ErrorName, detail?: string, options?: { cause?: unknown }) {
    super(errorRow(name).message, options)
    this.name = name
    this.detail = detail
  }
}

/** An ack carries an error in this form, without its cause. */
export interface WireError {
  readonly name: ErrorName
  readonly detail?: string
}

export function toStoreError(thrown: unknown): StoreError {
  return thrown instanceof StoreError ? thrown : new StoreError('INTERNAL', undefined, { cause: thrown })
}

export function toWireError(thrown: unknown): WireError {
  const error = toStoreError(thrown)
  return error.detail === undefined ? { name: error.name } : { name: error.name, detail: error.detail }
}

/** Reads an error that came over the wire. What arrives is not trusted: an unknown name becomes INTERNAL. */
export function fromWireError(error: unknown): StoreError {
  const { name, detail } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>
  return new StoreError(
    isErrorName(name) ? name : 'INTERNAL',
    typeof detail === 'string' ? detail.slice(0, 500) : undefined,
  )
}

export function hasErrorName(thrown: unknown, ...names: ErrorName[]): boolean {
  return thrown instanceof StoreError && names.includes(thrown.name)
}
