import { isIP } from 'node:net'

/** Says who can reach an address: this machine alone, the networks around it, or everybody. */
export type Scope = 'loopback' | 'private' | 'public'

/** A peer's address is always a literal, for a name could come to mean anything. */
export interface Address {
  /** It has one form only: no IPv4 within IPv6, and IPv6 in lower case with its longest zeros left out. */
  readonly ip: string
  readonly scope: Scope
  /** There are 4 or 16 of them. */
  readonly bytes: Buffer
  /** One customer usually has this to himself: an IPv4 address, or 64 bits of IPv6. */
  readonly network: string
}

/** Peers are told of each other as an address with a port. */
export interface Endpoint {
  readonly address: Address
  readonly port: number
}

/** A prefix stands for all addresses whose first bits are these. */
interface Prefix {
  readonly bytes: Buffer
  readonly bits: number
}

const loopback = ['127.0.0.0/8', '::1/128'].map(prefixOf)
const privateNetworks = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'].map(prefixOf)

/**
 * No peer lives at these: addresses of links (cloud machines tell their secrets there), of groups, of nobody, and IPv6 that
 * carries IPv4 within and would lead around these lists (https://www.iana.org/assignments/iana-ipv6-special-registry).
 */
const nobodys = [
  ...['0.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'],
  ...['::/96', '64:ff9b::/96', '64:ff9b:1::/48', '2001::/32', '2002::/16', 'fe80::/10', 'ff00::/8'],
].map(prefixOf)

/** @returns null for what is no address that a peer can have */
export function parseAddress(text: string): Address | null {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1] ?? text
  const version = isIP(mapped)
  if (version === 4) return addressOf(mapped, ipv4Bytes(mapped))
  if (version !== 6 || mapped.includes('%')) return null
  const bytes = ipv6Bytes(mapped)
  // The same IPv4 address within IPv6, in hexadecimal.
  if (bytes.readUIntBE(0, 6) === 0 && bytes.readUIntBE(6, 6) === 0xffff)
    return parseAddress(bytes.subarray(12).join('.'))
  return addressOf(new URL(`http://[${mapped}]`).hostname.slice(1, -1), bytes)
}

function addressOf(ip: string, bytes: Buffer): Address | null {
  const isIn = (prefix: Prefix): boolean => beginsWith(bytes, prefix)
  const scope = loopback.some(isIn) ? 'loopback' : privateNetworks.some(isIn) ? 'private' : 'public'
  if (scope !== 'loopback' && nobodys.some(isIn)) return null
  return { ip, scope, bytes, network: bytes.toString('hex', 0, bytes.length === 4 ? 4 : 8) }
}

function beginsWith(address: Buffer, { bytes, bits }: Prefix): boolean {
  if (address.length !== bytes.length) return false
  const whole = bits >> 3
  if (address.compare(bytes, 0, whole, 0, whole) !== 0) return false
  const rest = bits & 7
  return rest === 0 || (address.readUInt8(whole) ^ bytes.readUInt8(whole)) >> (8 - rest) === 0
}

/** @param text an address and how many of its bits count */
function prefixOf(text: string): Prefix {
  const [ip = '', bits] = text.split('/')
  return { bytes: isIP(ip) === 4 ? ipv4Bytes(ip) : ipv6Bytes(ip), bits: Number(bits) }
}

/** @returns whether the text means all addresses of a machine, as a program says that listens on them */
export function isUnspecified(text: string): boolean {
  return /^(0\.0\.0\.0|(0*:)+(0*|:0\.0\.0\.0))$/.test(text) && isIP(text) !== 0
}

const width: Readonly<Record<Scope, number>> = { loopback: 0, private: 1, public: 2 }

/** An address of a narrower scope than the asker's says nothing to him, or names something of his own network. */
export function isReachableFrom(asker: Scope, target: Scope): boolean {
  return width[target] >= width[asker]
}

/** Reads address and port as trackers send them: 6 or 18 bytes (BEP 23, BEP 7). */
export function endpointOf(compact: Buffer): Endpoint | null {
  const bytes = compact.subarray(0, -2)
  const text = bytes.length === 4 ? bytes.join('.') : bytes.toString('hex').replace(/(.{4})(?=.)/g, '$1:')
  const address = parseAddress(text)
  return address && { address, port: compact.readUInt16BE(bytes.length) }
}

function ipv4Bytes(ip: string): Buffer {
  return Buffer.from(ip.split('.').map(Number))
}

/** @param ip one that `isIP` calls IPv6 and that has no zone */
function ipv6Bytes(ip: string): Buffer {
  const hexadecimal = ip.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number)
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
  })
  const [head = '', tail] = hexadecimal.split('::')
  const [front, back] = [groupsOf(head), groupsOf(tail ?? '')]
  const groups = tail === undefined ? front : [...front, ...Array(8 - front.length - back.length).fill(0), ...back]
  const bytes = Buffer.alloc(16)
  for (const [index, group] of groups.entries()) bytes.writeUInt16BE(group, 2 * index)
  return bytes
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
}
