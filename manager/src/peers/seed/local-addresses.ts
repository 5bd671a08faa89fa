import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { type Address, isReachableFrom, parseAddress } from '@holdfast/shared/node/address'

/** Addresses of a machine seldom change, and to list them takes longer than an announce. */
const READ_AGAIN_MS = 10_000

interface LocalAddress {
  readonly address: Address
  /** This many of its first bits are those of its network. */
  readonly bits: number
}

/** Says by which address of this machine a datagram has come, which its socket does not tell. */
export class LocalAddresses {
  readonly #list: () => readonly NetworkInterfaceInfo[]
  #known: readonly LocalAddress[] = []
  #readAt = Number.NEGATIVE_INFINITY

  constructor(list: () => readonly NetworkInterfaceInfo[] = listAll) {
    this.#list = list
  }

  /**
   * @param host where the socket listens. @returns the address that the caller most likely has reached, or null where there is
   * none that it could have
   */
  reachedBy(caller: Address, host: string): Address | null {
    const bound = parseAddress(host)
    if (bound !== null) return bound
    const isSix = caller.bytes.length === 16
    if (caller.scope === 'loopback') return parseAddress(isSix ? '::1' : '127.0.0.1')
    const candidates = this.#read().filter(({ address }) => address.bytes.length === caller.bytes.length)
    const near = candidates.find(({ address, bits }) => haveSameStart(address.bytes, caller.bytes, bits))
    const found = near ?? candidates.find(({ address }) => isReachableFrom(caller.scope, address.scope))
    return found?.address ?? null
  }

  #read(): readonly LocalAddress[] {
    if (performance.now() - this.#readAt < READ_AGAIN_MS) return this.#known
    this.#known = this.#list().flatMap(({ cidr, internal }) => {
      const [ip = '', bits] = cidr?.split('/') ?? []
      const address = internal ? null : parseAddress(ip)
      return address === null ? [] : [{ address, bits: Number(bits) }]
    })
    this.#readAt = performance.now()
    return this.#known
  }
}

function listAll(): NetworkInterfaceInfo[] {
  return Object.values(networkInterfaces()).flatMap((each) => each ?? [])
}

function haveSameStart(one: Buffer, other: Buffer, bits: number): boolean {
  const whole = bits >> 3
  if (one.compare(other, 0, whole, 0, whole) !== 0) return false
  const rest = bits & 7
  return rest === 0 || (one.readUInt8(whole) ^ other.readUInt8(whole)) >> (8 - rest) === 0
}
