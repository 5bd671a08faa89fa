import { StoreError } from '@holdfast/shared/errors/store-error'
import type { Digest } from '@holdfast/shared/ids'
import { type Address, isUnspecified, parseAddress, type Scope } from '@holdfast/shared/node/address'
import { isProxied, type RequireOperator } from '../../http/operator.ts'
import type { AppContext } from '../../http/request-context.ts'
import type { RateLimit } from '../../peers/rate-limit.ts'
import type { TrackerCounts } from '../../peers/stats/tracker-counts.ts'

/** @returns where a request comes from. @throws FORBIDDEN where that cannot be told */
export function callerOf(ctx: AppContext): Address {
  const address = parseAddress(ctx.req.socket.remoteAddress ?? '')
  if (address === null || isProxied(ctx.req.headers))
    throw new StoreError(
      'FORBIDDEN',
      'the tracker has to see the address of a peer: ask it directly, not through a proxy',
    )
  return address
}

/** @returns from how far a request comes; what a proxy brings may come from anywhere */
export function scopeOf(ctx: AppContext): Scope {
  const address = parseAddress(ctx.req.socket.remoteAddress ?? '')
  return address === null || isProxied(ctx.req.headers) ? 'public' : address.scope
}

/** Refuses a caller whose network asks too often. This machine itself may. @throws TOO_MANY_REQUESTS */
export function limitCaller(limit: RateLimit, caller: Address, { refused }: TrackerCounts): void {
  if (caller.scope === 'loopback' || limit.admits(caller.network)) return
  refused.tooOften += 1
  throw new StoreError('TOO_MANY_REQUESTS', 'this address asks too often')
}

/**
 * Decides at which address a caller is to be found. Others are led there and datagrams are sent there, so it is the caller's
 * own, whatever the request says; only the operator may name another.
 * @throws INVALID_REQUEST, FORBIDDEN
 */
export function ownAddress(
  ctx: AppContext,
  named: string | undefined,
  operator: { readonly requireOperator: RequireOperator; readonly bodySha256: Digest | undefined },
): Address {
  const caller = callerOf(ctx)
  if (named === undefined || named === '' || named === 'localhost' || isUnspecified(named)) return caller
  const address = parseAddress(named)
  if (address === null)
    throw new StoreError('INVALID_REQUEST', 'the address must be one that a peer can have, as a number')
  if (address.ip === caller.ip) return address
  try {
    operator.requireOperator(ctx, operator.bodySha256)
  } catch (cause) {
    throw new StoreError('FORBIDDEN', `this request comes from ${caller.ip}: name that address or none`, { cause })
  }
  return address
}
