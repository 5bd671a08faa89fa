import { expect, test } from 'vitest'
import type { Call } from '../../../src/api/subsonic/call.ts'
import { CallParameters } from '../../../src/api/subsonic/call-parameters.ts'
import { markMethods } from '../../../src/api/subsonic/mark-methods.ts'

const there = 'a'.repeat(24)
const gone = 'b'.repeat(24)

async function scrobble(ids: readonly string[]): Promise<{ songId: string; at: Date }[]> {
  const counted: { songId: string; at: Date }[] = []
  const deps = {
    tracks: { findAll: async () => new Map([[there, { audio: { keys: { album: '' } } }]]) },
    marks: { count: async (plays: typeof counted) => void counted.push(...plays) },
  }
  const pairs = ids.flatMap(
    (id, index) =>
      [
        ['id', id],
        ['time', String(index * 1_000)],
      ] as [string, string][],
  )
  await markMethods.scrobble?.({ deps, parameters: new CallParameters(pairs) } as unknown as Call)
  return counted
}

test('songs that are gone keep nobody from counting the others of a batch, each at its time', async () => {
  expect(await scrobble([gone, there])).toMatchObject([{ songId: there, at: new Date(1_000) }])
})

test('a song that is gone is an error where it is the only one', async () => {
  await expect(scrobble([gone])).rejects.toThrow('Song not found')
})
