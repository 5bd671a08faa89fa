import { createLogger } from '@holdfast/shared/node/logger'
import { expect, test } from 'vitest'
import { Transcoder } from '../../../src/audio/streaming/transcoder.ts'
import type { Track } from '../../../src/audio/track-list.ts'

test('a process that cannot be started keeps no place', async () => {
  const transcoder = new Transcoder({ ownUrl: () => 'http://127.0.0.1:9', log: createLogger('test', 'silent') })
  // No argument of a process may have a NUL, and spawn throws.
  const track = { name: 'a', sha256: '\0', audio: { container: 'mp3' } } as unknown as Track
  const plan = { format: 'opus', bitRate: null, timeOffset: 0 } as const
  for (let count = 0; count < 6; count++) {
    const stream = transcoder.stream(track, plan, new AbortController().signal)
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  }
})
