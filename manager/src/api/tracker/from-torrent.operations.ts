import { z } from 'zod'
import { binary, bodyErrors, errorsAnywhere, json, type Operation } from '../../http/openapi.ts'

const place = {
  path: z.string().max(255).default('').describe('A folder; the names of the files begin with it'),
  class: z.enum(['single', 'replicated']).default('replicated').describe('How the files are kept'),
}

export const torrentQuery = z.object(place)

export const pullRequest = z
  .strictObject({
    torrent: z.string().optional().describe('A .torrent in base64'),
    magnet: z.string().optional(),
    ...place,
  })
  .meta({ id: 'PullRequest' })

const accepted = z.object({ id: z.string().describe("The job's"), infoHash: z.string() }).meta({ id: 'PullAccepted' })

export type PullAccepted = Readonly<z.output<typeof accepted>>

export const fromTorrentOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/files/from-torrent',
    operationId: 'pullTorrent',
    summary: 'Have the files of a torrent or a magnet link loaded and stored, as a job; an operator route',
    isOperators: true,
    parameters: { query: torrentQuery },
    body: {
      description: 'In JSON a torrent or a magnet link; or a .torrent as it is, with the rest in the query',
      content: { ...json(pullRequest), 'application/x-bittorrent': binary },
    },
    answers: {
      202: {
        description: 'GET /jobs/{id} tells how it goes. The same torrent into the same folder is the same job',
        headers: z.object({ Location: z.string() }),
        content: json(accepted),
      },
    },
    errors: [...bodyErrors, 'UNAUTHORIZED', 'OVERLOADED', ...errorsAnywhere],
  },
]
