import { once } from 'node:events'
import { Socket } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { WorkerPlace } from '../../src/workers/worker-place.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** Makes a worker's place whose channel to the primary is the test. */
function startPlace(maxConnections: number) {
  let tell: (...message: unknown[]) => void = () => undefined
  const on = vi.spyOn(process, 'on').mockImplementation((_event, listener) => {
    tell = listener
    return process
  })
  const said: unknown[] = []
  process.send ??= () => true
  vi.spyOn(process, 'send').mockImplementation((message) => said.push(message) > 0)
  const served: Socket[] = []
  const place = new WorkerPlace(
    { url: 'http://127.0.0.1:9001', ownPort: 9_001 },
    {
      onConnection: (connection) => served.push(connection),
      maxConnections,
      countFileServers: () => 0,
      onSiblings: () => undefined,
    },
  )
  on.mockRestore()
  const give = (number: number): Socket => {
    const connection = new Socket()
    tell({ kind: 'connection', number }, connection)
    return connection
  }
  return { place, said, served, give, tell }
}

test('connections above the bound are closed, until one of those open has ended', async () => {
  const { served, give } = startPlace(2)
  const [first, second, third] = [give(1), give(2), give(3)]
  expect([first, second, third].map(({ destroyed }) => destroyed)).toEqual([false, false, true])
  await once(first.destroy(), 'close')
  expect([give(4).destroyed, give(5).destroyed, served.length]).toEqual([false, true, 3])
})

test('every connection is answered by its number, also one that did not come along', () => {
  const { said, give, tell } = startPlace(1)
  give(7)
  tell({ kind: 'connection', number: 8 }, undefined)
  tell({ kind: 'ask', number: 9 })
  expect(said.slice(1)).toEqual([7, 8, 9].map((number) => ({ kind: 'taken', number })))
})

test('a worker that closes tells so, and refuses what still comes', () => {
  const { place, said, served, give } = startPlace(5)
  place.serve()
  place.close()
  expect(said.slice(-2)).toEqual([true, false].map((isServing) => expect.objectContaining({ isServing })))
  expect([give(1).destroyed, served]).toEqual([true, []])
})
