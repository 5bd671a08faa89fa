import type { IncomingMessage } from 'node:http'
import { parseAddress } from '@holdfast/shared/node/address'
import { withoutPort } from '../../http/callers.ts'
import { isProxied } from '../../http/operator.ts'
import { RateLimit } from '../../peers/rate-limit.ts'

/** These bound how often one network may show wrong credentials. */
const LIMITS = { perSecond: 0.2, burst: 50 }
/** A manager remembers this many networks that have shown right ones, and forgets those that did so longest ago. */
const MAX_KNOWN = 1_000

/**
 * Counts wrong credentials by network. One that has shown too many is not heard any more, whatever it shows, so that nobody can
 * guess on; but right ones from a network that has shown right ones before are always taken, so that nobody who gets into the
 * same network, or has its browsers send wrong ones, can shut the user out of it.
 */
export class WrongCredentials {
  readonly #limit: RateLimit
  /** The one that was right last stands last. */
  readonly #known = new Set<string>()

  constructor(now?: () => number) {
    this.#limit = new RateLimit(LIMITS, now)
  }

  /** Notes what a call has shown. @returns whether the network may be told */
  judges(network: string, isRight: boolean): boolean {
    if (!isRight) return this.#limit.admits(network)
    if (!this.#known.has(network) && !this.#limit.hasRoom(network)) return false
    this.#known.delete(network)
    this.#known.add(network)
    const [oldest] = this.#known
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest)
    return true
  }
}

/**
 * @returns the network that a call comes from. A proxy of the operator's has an address that is not public, and adds its
 * client's to the end of `X-Forwarded-For`; what anybody else says there is not believed.
 */
export function networkOf({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): string {
  const { remoteAddress = '' } = socket
  const peer = parseAddress(remoteAddress)
  // A peer of an odd address, such as that of a link, is one of its own all the same.
  const own = peer?.network ?? remoteAddress
  if (peer?.scope === 'public' || !isProxied(headers)) return own
  const forwarded = String(headers['x-forwarded-for'] ?? '')
  const last = withoutPort((forwarded.split(',').at(-1) ?? '').trim())
  return last === '' ? own : `${own} for ${parseAddress(last)?.network ?? last.slice(0, 64)}`
}
