import { BlockList, isIP } from 'node:net'
import { StartError } from './run-service.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

export function isLoopback(host: string): boolean {
  const version = isIP(host)
  return host === 'localhost' || (version !== 0 && loopback.check(host, version === 6 ? 'ipv6' : 'ipv4'))
}

/**
 * Without accounts a service is open only to its own machine, unless the operator asks for more. @throws StartError that says
 * what the address would mean
 */
export function requireLoopback(host: string, allowAnonymous: boolean): void {
  if (isLoopback(host) || allowAnonymous) return
  throw new StartError(
    `HOST=${host} is reachable from other machines, and without accounts everyone who reaches it can read, write and delete every file. Set ALLOW_ANONYMOUS=true if that is what you want.`,
  )
}
