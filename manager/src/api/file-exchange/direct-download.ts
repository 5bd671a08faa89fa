import { isIP } from 'node:net'
import { chunkTarget, issueChunkTicket, withTicket } from '@holdfast/shared/node/chunk-url'
import { isLoopback } from '@holdfast/shared/node/loopback'
import { TICKET_SKEW_SECONDS } from '@holdfast/shared/node/ticket'
import type { FileServerLink } from '../../chunks/links/file-server-link.ts'
import { hostOf } from '../../chunks/writing/direct-transfers.ts'
import type { FileRecord } from '../../files/file.model.ts'
import type { GetDeps } from '../../files/get-file.ts'
import { isProxied } from '../../http/operator.ts'
import type { AppContext } from '../../http/request-context.ts'
import { safeHeaders } from '../../http/safe-headers.ts'
import { isLoopbackHost } from '../../http/same-site.ts'

/** A link leads to the bytes for so long, and not beyond the end that its file has by then. It knows of none that is set later. */
const LINK_SECONDS = 300

export interface DirectDeps extends Pick<GetDeps, 'registry'> {
  /** The setting DIRECT_DOWNLOADS decides it. */
  readonly isDirect: boolean
  readonly clusterSecret: string
  /** The setting MANAGER_URL tells it. */
  readonly publicUrl: string | null
}

/**
 * Signs a link to the chunk port of a file-server that has all of a file, so that the bytes need not pass through the manager.
 * It tells with which headers they are to be sent, and leads back here where they cannot be had there.
 * @returns null where the file is more than one chunk, or nobody has it whom this client can be expected to reach
 */
export function directUrl(deps: DirectDeps, ctx: AppContext, record: FileRecord, now = Date.now()): string | null {
  const [chunk] = record.chunks
  if (!deps.isDirect || chunk === undefined || record.chunks.length > 1 || record.extents !== undefined) return null
  const found = chunk.replicas.flatMap((replica) => {
    const link = replica.bad === undefined ? deps.registry.find(replica.server) : undefined
    return link !== undefined && isOfUse(deps, ctx, link) ? [{ replica, link }] : []
  })
  const chosen = found[Math.floor(Math.random() * found.length)]
  const headers = safeHeaders(record.name, record.contentType)
  const { 'Content-Disposition': disposition } = headers
  if (chosen === undefined || disposition === undefined) return null
  const target = chunkTarget(
    { sha256: chunk.sha256, copyId: chosen.replica.copyId, slot: chosen.replica.slot },
    {
      contentType: record.contentType,
      disposition,
      modifiedAt: Math.floor(record.createdAt.getTime() / 1000),
      otherwise: `${originFor(deps, ctx)}/download/${record.link}?direct=false`,
    },
  )
  const ticket = issueChunkTicket(deps.clusterSecret, chosen.link.id, target, endOf(record, now))
  return chosen.link.chunkUrl + withTicket(target, ticket)
}

/** The client reaches this manager by the host that it asked for, which MANAGER_URL need not be. */
function originFor({ publicUrl }: DirectDeps, { req: { headers } }: AppContext): string {
  const isPublic = publicUrl !== null && (headers.host === undefined || new URL(publicUrl).host === headers.host)
  return isPublic ? publicUrl : `http://${headers.host}`
}

/** A ticket is taken for some time after its end, so that of a file which ends soon is over already. */
function endOf({ expiresAt }: FileRecord, now: number): number {
  const end = expiresAt === null ? Number.POSITIVE_INFINITY : expiresAt.getTime() / 1000 - TICKET_SKEW_SECONDS
  return Math.max(0, Math.floor(Math.min(now / 1000 + LINK_SECONDS, end)))
}

function isOfUse({ registry, publicUrl }: DirectDeps, ctx: AppContext, link: FileServerLink): boolean {
  if (!registry.isActive(link) || link.isSilent) return false
  // A browser does not load from HTTP what a page of HTTPS leads to.
  if (publicUrl?.startsWith('https:') === true && !link.chunkUrl.startsWith('https:')) return false
  const host = hostOf(link.chunkUrl)
  if (isLoopback(host)) return isFromHere(ctx) && isLoopback(withoutMapping(link.address))
  // A name of one word is that of a container or of a machine, which only its own network knows.
  return isIP(host) !== 0 || host.includes('.')
}

/** @returns whether the client is on this very machine, and no proxy brings the requests of others */
function isFromHere({ req }: AppContext): boolean {
  const address = withoutMapping(req.socket.remoteAddress ?? '')
  return isLoopback(address) && isLoopbackHost(req.headers.host) && !isProxied(req.headers)
}

/** An IPv4 address comes to a socket of IPv6 as one of its own. */
function withoutMapping(address: string): string {
  return address.replace(/^::ffff:/i, '')
}
