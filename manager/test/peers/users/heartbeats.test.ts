import { createLogger } from '@holdfast/shared/node/logger'
import { expect, test, vi } from 'vitest'
import { testInFull } from '../../../../test/full-run.ts'
import { newCounts } from '../../../src/peers/stats/tracker-counts.ts'
import { Heartbeats } from '../../../src/peers/users/heartbeats.ts'
import type { TrackRecords } from '../../../src/peers/users/track-records.ts'
import type { UserDocument, UserRecords } from '../../../src/peers/users/user-records.ts'

const user = { _id: 'a user', ip: '127.0.0.1', port: 6_881 } as UserDocument

/** More users are due than can be sent to, however often they are taken. */
function startBusy() {
  const endSilent = vi.fn(async () => 0)
  const takeDue = vi.fn(async (_everyMs: number, limit: number) => Array<UserDocument>(limit).fill(user))
  const users: Partial<UserRecords> = {
    takeDue,
    endSilent,
    findMisshown: async () => [],
    findForgotten: async () => [],
  }
  const heartbeats = new Heartbeats({
    users: users as UserRecords,
    tracks: {} as TrackRecords,
    counts: newCounts(),
    send: () => undefined,
    canSend: () => true,
    everyMs: 1_000,
    log: createLogger('test', 'silent'),
  })
  return { heartbeats, endSilent, takeDue }
}

testInFull('users fall silent also where more are due than can be sent to', async () => {
  const { heartbeats, endSilent } = startBusy()
  await vi.waitFor(() => expect(endSilent).toHaveBeenCalledTimes(2), { timeout: 60_000 })
  await heartbeats.close()
})

test('a stop takes no further users, whose heartbeats would not be sent', async () => {
  const { heartbeats, takeDue } = startBusy()
  await vi.waitFor(() => expect(takeDue).toHaveBeenCalledTimes(2))
  await heartbeats.close()
  expect(takeDue.mock.calls.length).toBeLessThanOrEqual(3)
})
