import { z } from 'zod'
import { binary, errorsAnywhere, type Operation } from '../../http/openapi.ts'

export const torrentFilesOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/torrent/{id}',
    operationId: 'getTorrent',
    summary: 'A torrent of a stored file, or its magnet link; also GET /file/{filename}?torrent',
    parameters: {
      path: z.object({ id: z.string().describe('The id of a file or of a link') }),
      query: z.object({
        magnet: z.string().optional().describe('Asks for the magnet link'),
        version: z
          .enum(['1', 'hybrid'])
          .optional()
          .describe('`hybrid` asks for a torrent of version 1 and 2 at once (BEP 52); 1 unless given'),
      }),
    },
    answers: {
      200: {
        description: 'The torrent, or a line with the link',
        content: { 'application/x-bittorrent': binary, 'text/plain': z.string() },
      },
    },
    errors: ['FILE_NOT_FOUND', 'FILE_UNAVAILABLE', 'INVALID_REQUEST', 'OVERLOADED', ...errorsAnywhere],
  },
]
