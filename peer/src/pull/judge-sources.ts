import { lookup } from 'node:dns/promises'
import { isIP, isIPv4 } from 'node:net'
import { PeerError, reasonOf } from '../peer-error.ts'
import { ForbiddenAddress, type Reach } from '../swarm/reach.ts'

/** A pull cannot succeed, however often it is tried. */
export class FinalError extends PeerError {}

/** @returns all addresses of a name */
type LookUp = (host: string) => Promise<readonly { readonly address: string }[]>
const lookUpAll: LookUp = (host) => lookup(host, { all: true })

/**
 * Leaves out where a torrent must not lead. What is asked over UDP is asked by its address from then on, for nobody judges it
 * later. @param onTrouble hears in a sentence of each that is left out
 * @throws FinalError where none is left that may be asked
 */
export async function judgeSources(
  urls: readonly string[],
  reach: Reach,
  onTrouble: (sentence: string) => void,
  lookUp = lookUpAll,
): Promise<string[]> {
  let forbiddenCount = 0
  const judged = await Promise.all(
    urls.map(async (url) => {
      try {
        return await judge(url, reach, lookUp)
      } catch (error) {
        if (error instanceof ForbiddenAddress) forbiddenCount++
        onTrouble(error instanceof ForbiddenAddress ? `${url}: ${error.message}` : `${url}: ${reasonOf(error)}`)
        return null
      }
    }),
  )
  if (forbiddenCount > 0 && forbiddenCount === urls.length)
    throw new FinalError(
      'the torrent leads to addresses of private networks or of this machine alone, which TORRENT_PRIVATE_NETWORKS=true allows',
    )
  return judged.filter((url) => url !== null)
}

async function judge(url: string, reach: Reach, lookUp: LookUp): Promise<string> {
  const { protocol, hostname, port, pathname, search } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const isOverUdp = protocol === 'udp:'
  const found = isIP(host) === 0 ? await lookUp(host).catch(whereUnknown(isOverUdp)) : [{ address: host }]
  for (const { address } of found) if (!reach.allows(address)) throw new ForbiddenAddress(host, address)
  if (!isOverUdp) return url
  // The socket of bittorrent-tracker is one of IPv4.
  const asked = found.find(({ address }) => isIPv4(address))
  if (asked === undefined) throw new PeerError('it has no address of IPv4, and is asked over UDP by that alone')
  return `udp://${asked.address}:${port}${pathname}${search}`
}

/** Over HTTP the name is looked up again whenever it is asked for, and judged then. */
function whereUnknown(isOverUdp: boolean): (error: unknown) => [] {
  return (error) => {
    if (isOverUdp) throw error
    return []
  }
}
