import { StoreError } from '@holdfast/shared/errors/store-error'
import { mediaTypeOf } from '../../bodies/body-format.ts'
import { BoundedBytes } from '../../bodies/bounded-bytes.ts'
import { readRequestBytes } from '../../bodies/request-bytes.ts'
import { pairsIn, queryOf } from '../../http/parse-query.ts'
import type { AppContext } from '../../http/request-context.ts'
import { expectsContinue } from '../../http/server/expects-continue.ts'
import { ProtocolFailure } from './protocol-failure.ts'

const FORM_TYPE = 'application/x-www-form-urlencoded'
/** A playlist of as many songs as one may have is less than half of it. */
const MAX_FORM_BYTES = 512 * 1024
const MAX_PARAMETERS = 10_000
const PATIENCE_MS = 10_000
/** No list is begun further on. */
const MAX_NUMBER = 1_000_000_000

/** Keeps the parameters of one call, of which several may have the same name. */
export class CallParameters {
  readonly #values = new Map<string, string[]>()

  constructor(pairs: Iterable<readonly [string, string]>) {
    let count = 0
    for (const [name, value] of pairs) {
      if (++count > MAX_PARAMETERS) throw new StoreError('INVALID_REQUEST', `more than ${MAX_PARAMETERS} parameters`)
      const others = this.#values.get(name)
      if (others === undefined) this.#values.set(name, [value])
      else others.push(value)
    }
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  one(name: string): string | undefined {
    return this.#values.get(name)?.[0]
  }

  /** @throws ProtocolFailure 10 */
  required(name: string): string {
    const value = this.one(name)
    if (value === undefined) throw new ProtocolFailure('missingParameter', `Required parameter is missing: ${name}`)
    return value
  }

  /** @throws ProtocolFailure where it is no whole number from 0 on */
  count(name: string, unless: number, most = MAX_NUMBER): number {
    const value = this.one(name)
    if (value === undefined || value === '') return unless
    if (!/^\d{1,15}$/.test(value)) throw new ProtocolFailure('generic', `${name}: must be a whole number`)
    return Math.min(Number(value), most)
  }

  counts(name: string): number[] {
    return this.all(name).map((value) => {
      if (!/^\d{1,15}$/.test(value)) throw new ProtocolFailure('generic', `${name}: must be whole numbers`)
      return Number(value)
    })
  }

  flag(name: string): boolean | undefined {
    // Clients written in Python send `True`.
    const value = this.one(name)?.toLowerCase()
    if (value === undefined || value === '') return undefined
    if (value !== 'true' && value !== 'false') throw new ProtocolFailure('generic', `${name}: must be true or false`)
    return value === 'true'
  }
}

/** Reads the query and, of a POST, the form after it. @throws INVALID_REQUEST, UNSUPPORTED_MEDIA, REQUEST_TIMEOUT, CANCELLED */
export async function readCallParameters(ctx: AppContext): Promise<CallParameters> {
  const query = queryOf(ctx.req.url ?? '')
  // A form that is joined to the query is parsed only as far as there may be parameters.
  return new CallParameters(pairsIn(ctx.method === 'POST' ? `${query}&${await readForm(ctx)}` : query))
}

async function readForm(ctx: AppContext): Promise<string> {
  const { 'content-encoding': encoding = 'identity' } = ctx.req.headers
  const type = mediaTypeOf(ctx.req.headers)
  if ((type !== '' && type !== FORM_TYPE) || encoding !== 'identity')
    throw new StoreError('UNSUPPORTED_MEDIA', `send ${FORM_TYPE}, not compressed`)
  const body = new BoundedBytes(MAX_FORM_BYTES, 'the form')
  const beforeFirstRead = expectsContinue(ctx.req) ? () => ctx.res.writeContinue() : undefined
  const options = { patienceMs: PATIENCE_MS, beforeFirstRead, caller: ctx.state }
  for await (const bytes of readRequestBytes(ctx.req, options)) body.append(bytes)
  return body.view().toString('latin1')
}
