import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { UdpTracker } from '../../../src/swarm/trackers/udp-tracker.ts'

const onTrouble = vi.fn()
const onPeers = vi.fn()
let socket: Socket
let tracker: UdpTracker | undefined
beforeEach(async () => {
  vi.clearAllMocks()
  socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
})
afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  await tracker?.close()
  socket.close()
})

function announce(): void {
  tracker = new UdpTracker({
    ...{ infoHash: 'ab'.repeat(20), peerId: 'cd'.repeat(20), port: 6_881, log: pino({ level: 'silent' }) },
    ...{ url: `udp://127.0.0.1:${socket.address().port}`, onPeers, onTrouble },
    state: () => ({ uploaded: 0, downloaded: 0, left: 1, isHungry: true }),
  })
}

/** Answers as BEP 15 has it: by the action, the transaction of what is answered, and the rest. */
function answer(answerOf: (action: number) => { readonly action: number; readonly rest: Buffer }): void {
  socket.on('message', (datagram, { port, address }) => {
    const { action, rest } = answerOf(datagram.readUInt32BE(8))
    socket.send(Buffer.concat([Buffer.from([0, 0, 0, action]), datagram.subarray(12, 16), rest]), port, address)
  })
}

test('a tracker over UDP that refuses is told of, and asked again after a while', async () => {
  let asked = 0
  answer(() => {
    asked += 1
    return { action: 3, rest: Buffer.from('go away') }
  })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  announce()
  const told = () => expect(onTrouble).toHaveBeenCalledWith(expect.stringContaining('go away'))
  await vi.waitFor(told, { timeout: 5_000, interval: 10 })
  expect(asked).toBe(1)
  await vi.advanceTimersByTimeAsync(5_000)
  await vi.waitFor(() => expect(asked).toBe(2), { timeout: 5_000, interval: 10 })
})

test.each([
  [1, 30_000],
  [600, 600_000],
  [0xffff_ffff, 7_200_000],
])('one that wants to be asked every %d s is asked every %d ms', async (seconds, expected) => {
  const timers = vi.spyOn(globalThis, 'setInterval')
  const rest = Buffer.concat([Buffer.alloc(12), Buffer.from([10, 0, 0, 1, 0, 80])])
  rest.writeUInt32BE(seconds)
  answer((action) => (action === 0 ? { action: 0, rest: Buffer.alloc(8, 1) } : { action: 1, rest }))
  announce()
  await vi.waitFor(() => expect(onPeers).toHaveBeenCalledWith([{ host: '10.0.0.1', port: 80 }]), { timeout: 5_000 })
  expect(timers.mock.lastCall?.[1]).toBe(expected)
})
