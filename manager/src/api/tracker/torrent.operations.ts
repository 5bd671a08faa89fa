import { z } from 'zod'
import { binary, bodyErrors, errorsAnywhere, json, type Operation } from '../../http/openapi.ts'

const port = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,5}$/, 'must be a number')
      .transform(Number),
  ])
  .pipe(z.int().min(1).max(65_535))
const listening = {
  listening_port: port.describe('Where the caller listens'),
  listening_host: z.string().max(64).optional().describe("The caller's own, which is meant by 0.0.0.0 too"),
}

export const registration = z
  .object({
    ...listening,
    info_hash: z
      .string()
      .regex(/^[0-9a-f]{40}$/i, 'must be 40 hexadecimal digits')
      .optional()
      .describe('Has announces for it taken, too'),
  })
  .meta({ id: 'HashRegistration' })

export const peersRequest = z.object({ hash: z.uuid(), ...listening }).meta({ id: 'PeersRequest' })
const peerList = z
  .object({ peers: z.array(z.object({ listening_host: z.string(), listening_port: z.int() })) })
  .meta({ id: 'PeerList' })

export type PeerList = Readonly<z.output<typeof peerList>>

const infoHash = z.string().describe('20 bytes, escaped; a text cannot have all of them')
const announceQuery = z.object({
  info_hash: infoHash,
  peer_id: infoHash,
  port: z.string(),
  left: z.string().optional().describe('0 for a seed'),
  event: z.string().optional().describe('started, stopped or completed'),
  numwant: z.string().optional(),
  compact: z.string().optional().describe('0 asks for a list'),
})
const bencoded = (description: string) => ({ 200: { description, content: { 'text/plain': binary } } })

export const torrentOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/hash',
    operationId: 'registerHash',
    summary: 'Get a hash for a file that the caller shares, of which it becomes a peer',
    body: { content: json(registration) },
    answers: { 200: { description: 'The hash', content: json(z.object({ hash: z.uuid() })) } },
    errors: [...bodyErrors, 'TOO_MANY_REQUESTS', ...errorsAnywhere],
  },
  {
    method: 'post',
    path: '/peers',
    operationId: 'listPeers',
    summary: 'All peers of a hash; the caller becomes one of them',
    body: { content: json(peersRequest) },
    answers: { 200: { description: 'Those that were peers before', content: json(peerList) } },
    errors: [...bodyErrors, 'TOO_MANY_REQUESTS', 'FILE_NOT_FOUND', ...errorsAnywhere],
  },
  {
    method: 'get',
    path: '/announce',
    operationId: 'announce',
    summary: 'The announce of BitTorrent (BEP 3, 7, 23)',
    parameters: { query: announceQuery },
    answers: bencoded('Bencoded: peers, or `failure reason`'),
    errors: ['FORBIDDEN', 'INTERNAL'],
  },
  {
    method: 'get',
    path: '/scrape',
    operationId: 'scrape',
    summary: 'How many peers some swarms have (BEP 48)',
    parameters: { query: z.object({ info_hash: infoHash.describe('20 bytes, escaped; one or several') }) },
    answers: bencoded('Bencoded: counts by info-hash, or `failure reason`'),
    errors: ['FORBIDDEN', 'INTERNAL'],
  },
]
