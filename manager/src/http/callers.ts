import type { IncomingMessage } from 'node:http'
import { StoreError } from '@holdfast/shared/errors/store-error'
import { type Address, parseAddress, type Scope } from '@holdfast/shared/node/address'
import { isProxied } from './operator.ts'
import { isLoopbackHost } from './same-site.ts'

type Caller = Pick<IncomingMessage, 'socket' | 'headers'>

/** Says why it cannot be told where a request comes from. */
type CallerProblem = 'odd' | 'proxied' | 'hidden'

const problems: Readonly<Record<CallerProblem, string>> = {
  odd: 'this request comes from an address that no peer can have',
  proxied:
    'the tracker has to see the address of a peer: ask it directly, not through a proxy that TRUSTED_PROXIES does not name',
  hidden:
    'this request came from a proxy that does not tell whose it is: have it send X-Forwarded-For, and name its address in TRUSTED_PROXIES',
}

/** Tells where requests come from: from the other end of their connection, or from where a proxy says that is trusted. */
export class Callers {
  readonly #trusted: ReadonlySet<string>

  /** @param trustedProxies addresses as `trustedProxies` parses them */
  constructor(trustedProxies: readonly string[]) {
    this.#trusted = new Set(trustedProxies)
  }

  /** @throws FORBIDDEN where it cannot be told */
  addressOf(caller: Caller): Address {
    const found = this.#find(caller)
    if (typeof found === 'string') throw new StoreError('FORBIDDEN', problems[found])
    return found
  }

  /** @returns from how far a request comes; from anywhere where that cannot be told */
  scopeOf(caller: Caller): Scope {
    const found = this.#find(caller)
    return typeof found === 'string' ? 'public' : found.scope
  }

  /** @returns by what callers are told apart: the network, or that of a proxy whose callers cannot be. Null for this machine */
  networkOf(caller: Caller): string | null {
    const found = this.#find(caller)
    if (typeof found !== 'string') return found.scope === 'loopback' ? null : found.network
    const { remoteAddress = '' } = caller.socket
    return parseAddress(remoteAddress)?.network ?? remoteAddress
  }

  #find({ socket, headers }: Caller): Address | CallerProblem {
    const other = parseAddress(socket.remoteAddress ?? '')
    if (other === null) return 'odd'
    const isTrusted = this.#trusted.has(other.ip)
    const forwarded = headers['x-forwarded-for']
    if (isTrusted && forwarded !== undefined) return this.#lastIn(String(forwarded))
    if (isProxied(headers)) return isTrusted ? 'hidden' : 'proxied'
    // A proxy on this machine may add nothing but the name that was asked for. Who is on it asks for this machine.
    const isHidden = other.scope === 'loopback' ? !isLoopbackHost(headers.host) : isTrusted
    return isHidden ? 'hidden' : other
  }

  /** Each proxy adds at the end whom it was asked by, so what stands before one that is not trusted may be made up. */
  #lastIn(forwarded: string): Address | CallerProblem {
    const hops = forwarded.split(',').map((hop) => parseAddress(withoutPort(hop.trim())))
    const last = hops.findLastIndex((hop) => hop === null || !this.#trusted.has(hop.ip))
    return hops[Math.max(last, 0)] ?? 'odd'
  }
}

/** @returns an address as a proxy writes it, without the port that some add */
export function withoutPort(text: string): string {
  return text.replace(/^\[?([\d.]+|[\da-f.:]+(?=\]))\]?(:\d+)?$/i, '$1')
}

/** Parses the setting TRUSTED_PROXIES. @throws Error that says what it must be */
export function trustedProxies(value: string): readonly string[] {
  return value.split(',').map((item) => {
    const address = parseAddress(item.trim())
    if (address === null) throw new Error('must be IP addresses such as 127.0.0.1 or fd00::7, separated by commas')
    return address.ip
  })
}
