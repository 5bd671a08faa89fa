import type { IncomingMessage } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { type Address, isUnspecified, parseAddress } from '@holdfast/shared/node/address'
import { bodyDigest } from '@holdfast/shared/node/ticket'
import type { Callers } from '../../http/callers.ts'
import { isProxied, type RequireOperator } from '../../http/operator.ts'
import type { AppContext } from '../../http/request-context.ts'
import type { RateLimit } from '../../peers/rate-limit.ts'
import type { TrackerCounts } from '../../peers/stats/tracker-counts.ts'

/** Refuses a caller whose network asks too often. This machine itself may. @throws TOO_MANY_REQUESTS */
export function limitCaller(limit: RateLimit, caller: Address, counts: TrackerCounts): void {
  limitNetwork(limit, caller.scope === 'loopback' ? null : caller.network, counts)
}

/** @param network null for this machine itself. @throws TOO_MANY_REQUESTS */
export function limitNetwork(limit: RateLimit, network: string | null, { refused }: TrackerCounts): void {
  if (network === null || limit.admits(network)) return
  refused.tooOften += 1
  throw new StoreError('TOO_MANY_REQUESTS', 'this address asks too often')
}

/** Tells where requests come from, and remembers it for as long as a connection is kept. */
export class ConnectionCallers {
  readonly #callers: Callers
  readonly #known = new WeakMap<object, { readonly host: string | undefined; readonly address: Address }>()

  constructor(callers: Callers) {
    this.#callers = callers
  }

  /** @throws FORBIDDEN where it cannot be told */
  addressOf(request: IncomingMessage): Address {
    const { socket, headers } = request
    // A proxy may bring somebody else's request by the same connection.
    if (isProxied(headers)) return this.#callers.addressOf(request)
    const { host } = headers
    const known = this.#known.get(socket)
    if (known !== undefined && known.host === host) return known.address
    const address = this.#callers.addressOf(request)
    this.#known.set(socket, { host, address })
    return address
  }
}

/**
 * Decides at which address a caller is to be found. Others are led there and datagrams are sent there, so it is the caller's
 * own, whatever the request says; only the operator may name another.
 * @throws INVALID_REQUEST, FORBIDDEN
 */
export function ownAddress(
  ctx: AppContext,
  named: string | undefined,
  operator: { readonly callers: Callers; readonly requireOperator: RequireOperator },
): Address {
  const caller = operator.callers.addressOf(ctx.req)
  if (named === undefined || named === '' || named === 'localhost' || isUnspecified(named)) return caller
  const address = parseAddress(named)
  if (address === null)
    throw new StoreError('INVALID_REQUEST', 'the address must be one that a peer can have, as a number')
  if (address.ip === caller.ip) return address
  try {
    operator.requireOperator(ctx, bodyDigest(ctx.request.rawBody ?? ''))
  } catch (cause) {
    throw new StoreError('FORBIDDEN', `this request comes from ${caller.ip}: name that address or none`, { cause })
  }
  return address
}
