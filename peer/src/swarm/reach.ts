import { lookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { parseAddress } from '@holdfast/shared/node/address'
import { Agent, buildConnector, fetch as fetchBy } from 'undici'
import { type ListInterfaces, OwnNetworks } from './own-networks.ts'

/** Says where a swarm may lead this process, and leads it nowhere else. */
export interface Reach {
  /** @param ip of a peer, a tracker or a web seed */
  allows(ip: string): boolean
  readonly fetch: typeof fetch
}

/** A user's own peer goes wherever the user's torrents lead. */
export const everywhere: Reach = { allows: () => true, fetch: (input, init) => fetch(input, init) }

/**
 * Leads to public addresses of other networks alone, or to private networks and this machine too, but never to addresses that
 * no peer has. Names are judged by what they resolve to when they are connected to, and so is every redirection.
 */
export function reachOf(allowsPrivate: boolean, list?: ListInterfaces): Reach {
  const own = new OwnNetworks(list)
  const allows = (text: string): boolean => {
    const address = parseAddress(text)
    if (address === null || allowsPrivate) return address !== null
    return address.scope === 'public' && !own.has(address.ip)
  }
  const judgedLookup: LookupFunction = (host, options, done) => {
    lookup(host, { ...options, all: true }, (error, found) => {
      const forbidden = error === null ? found.find(({ address }) => !allows(address)) : undefined
      const [first] = found ?? []
      if (error !== null) done(error, [])
      else if (forbidden !== undefined) done(new ForbiddenAddress(host, forbidden.address), [])
      else if (options.all) done(null, found)
      else done(null, first?.address ?? '', first?.family)
    })
  }
  const connect = buildConnector({ lookup: judgedLookup } as buildConnector.BuildOptions)
  const dispatcher = new Agent({
    connect: (options, done) => {
      // An address is not looked up.
      const host = options.hostname.replace(/^\[|\]$/g, '')
      if (isIP(host) !== 0 && !allows(host)) done(new ForbiddenAddress(host, host), null)
      else connect(options, done)
    },
  })
  // The types of undici are those of the global fetch, under other names.
  const judgedFetch = (input: string, init?: object) => fetchBy(input, { ...init, dispatcher })
  return { allows, fetch: judgedFetch as unknown as typeof fetch }
}

/** A torrent leads to where it must not lead. */
export class ForbiddenAddress extends Error {
  constructor(host: string, ip: string) {
    const where = host === ip ? ip : `${host} (${ip})`
    const what = parseAddress(ip)?.scope === 'public' ? "is in this machine's own network" : 'is no public address'
    super(`${where} ${what}, and torrents may lead to none such here`)
  }
}
