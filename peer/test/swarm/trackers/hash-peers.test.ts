import { pino } from 'pino'
import { expect, test, vi } from 'vitest'
import { PeerError } from '../../../src/peer-error.ts'
import { HashPeers } from '../../../src/swarm/trackers/hash-peers.ts'
import type { TrackerClient } from '../../../src/tracker-client.ts'

const away = new PeerError('nothing answers there')

/** Asks a tracker that answers like this, one time after the other. @returns how long it waited each time, and what it said */
async function ask(isWhole: boolean, answers: readonly ('away' | 'there')[]) {
  const peersOf = vi.fn<TrackerClient['peersOf']>()
  for (const answer of answers)
    if (answer === 'away') peersOf.mockRejectedValueOnce(away)
    else peersOf.mockResolvedValueOnce([{ host: '10.0.0.1', port: 1 }])
  const [onPeers, onTrouble, warn] = [vi.fn(), vi.fn(), vi.fn()]
  const waits: number[] = []
  const finder = await new Promise<HashPeers>((resolve) => {
    const started: HashPeers = new HashPeers({
      ...{ hash: 'x', tracker: { peersOf } as unknown as TrackerClient, listening: { host: '127.0.0.1', port: 1 } },
      ...{ isWhole, onPeers, onTrouble, log: Object.assign(pino({ level: 'silent' }), { warn }) },
      wait: async (ms, signal) => {
        waits.push(ms)
        if (waits.length < answers.length) return
        resolve(started)
        await new Promise<void>((end) => signal.addEventListener('abort', () => end()))
      },
    })
  })
  await finder.close()
  return { waits, onPeers, onTrouble, warn }
}

test('a download looks for further peers every five seconds, and whoever has all only says that he is there', async () => {
  const { waits, onPeers } = await ask(false, ['there', 'there'])
  expect(waits).toEqual([5_000, 5_000])
  expect(onPeers).toHaveBeenLastCalledWith([{ host: '10.0.0.1', port: 1 }])
  expect((await ask(true, ['there'])).waits).toEqual([600_000])
})

test('a tracker that is away is asked again later and later, but a user who waits for a download wants it soon', async () => {
  const eight = Array(8).fill('away')
  const { waits, onTrouble } = await ask(false, [...eight, 'there'])
  expect(waits).toEqual([2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 15_000, 15_000, 5_000])
  expect(onTrouble).toHaveBeenCalledWith('nothing answers there')
  expect((await ask(true, eight)).waits.slice(5)).toEqual([60_000, 60_000, 60_000])
})

test('the log says once that a tracker is away, however long it is', async () => {
  expect((await ask(false, ['away', 'away', 'away', 'there', 'away', 'away'])).warn).toHaveBeenCalledTimes(2)
})
