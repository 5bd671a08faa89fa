import { BlockList, isIPv4 } from 'node:net'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'

/** Addresses of a machine seldom change, and a tracker may name hundreds of peers at once. */
const READ_AGAIN_MS = 10_000

export type ListInterfaces = () => NodeJS.Dict<Pick<NetworkInterfaceInfo, 'address' | 'cidr'>[]>

/**
 * Knows the addresses of this machine, and of IPv6 the networks that it is in: there machines of a house have public addresses,
 * while the neighbours of a public IPv4 address are strangers.
 */
export class OwnNetworks {
  readonly #list: ListInterfaces
  #known = new BlockList()
  #readAt = Number.NEGATIVE_INFINITY

  constructor(list: ListInterfaces = networkInterfaces) {
    this.#list = list
  }

  /** @param ip in the one form that `parseAddress` gives it */
  has(ip: string): boolean {
    if (performance.now() - this.#readAt >= READ_AGAIN_MS) this.#read()
    return this.#known.check(ip, isIPv4(ip) ? 'ipv4' : 'ipv6')
  }

  #read(): void {
    this.#known = new BlockList()
    for (const { address, cidr } of Object.values(this.#list()).flatMap((each) => each ?? [])) {
      const bits = Number(cidr?.split('/')[1] ?? 128)
      if (isIPv4(address)) this.#known.addAddress(address)
      else this.#known.addSubnet(address, bits, 'ipv6')
    }
    this.#readAt = performance.now()
  }
}
