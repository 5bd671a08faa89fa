import type { ProcessEnd, RunningProcess } from '@holdfast/launcher/processes/running-process'
import { type Supervised, supervise } from '@holdfast/launcher/processes/supervise'
import { describe, expect, test } from 'vitest'
import { eventually } from '../start/fakes/launched.ts'

class FakeProcess implements RunningProcess {
  end: (how: string) => void = () => undefined
  fail: (cannotStart: string) => void = () => undefined
  readonly pid: number
  readonly ended: Promise<ProcessEnd>

  constructor(pid: number) {
    this.pid = pid
    this.ended = new Promise((resolve) => {
      this.end = (how) => resolve({ how, cannotStart: null })
      this.fail = (cannotStart) => resolve({ how: 'exit code 1', cannotStart })
    })
  }

  async stop(): Promise<void> {
    this.end('stopped')
  }

  kill(): void {
    this.end('killed')
  }
}

function superviseFakes(options: { failTimes?: number; goodAfterMs?: number; baseMs?: number } = {}) {
  const made: FakeProcess[] = [new FakeProcess(1)]
  const lines: string[] = []
  let failuresLeft = options.failTimes ?? 0
  const supervised: Supervised = supervise(
    {
      name: 'thing',
      where: 'here',
      start: async () => {
        if (failuresLeft-- > 0) throw new Error('no luck')
        const next = new FakeProcess(made.length + 1)
        made.push(next)
        return next
      },
      report: (line) => lines.push(line),
      backOff: { baseMs: options.baseMs ?? 4, maxMs: 4_000, goodAfterMs: options.goodAfterMs ?? 60_000 },
    },
    made[0] as FakeProcess,
  )
  return { supervised, made, lines }
}

const waits = (lines: readonly string[]) =>
  lines.flatMap((line) => /again in (\d+\.\d) s/.exec(line)?.[1] ?? []).map(Number)

describe('a supervised process', () => {
  test('is started again when it ends, and when the start fails', async () => {
    const { supervised, made, lines } = superviseFakes({ failTimes: 2 })
    made[0]?.end('exit code 1')
    await eventually(() => supervised.pid === 2)
    expect(lines.filter((line) => line === 'thing could not be started: no luck')).toHaveLength(2)
    expect(lines.at(0)).toMatch(/^thing ended \(exit code 1\); it is started again in 0\.0 s$/)
    expect(lines.at(-1)).toBe('thing runs again (pid 2)')
    await supervised.stop()
  })

  test('waits longer each time that it does not last', async () => {
    const { supervised, made, lines } = superviseFakes()
    for (let round = 0; round < 8; round++) {
      made[round]?.end('exit code 1')
      await eventually(() => supervised.pid === round + 2)
    }
    expect(waits(lines).at(-1)).toBeGreaterThanOrEqual(0.2)
    await supervised.stop()
  })

  test('is started again at once every time that it crashes after a good start', async () => {
    const { supervised, made, lines } = superviseFakes({ goodAfterMs: 0, baseMs: 2_000 })
    for (let round = 0; round < 12; round++) {
      made[round]?.end('exit code 1')
      await eventually(() => supervised.pid === round + 2)
    }
    expect(Math.max(...waits(lines))).toBe(0)
    await supervised.stop()
  })

  test('is started again at once when it crashes for the first time, and waits when it does so again', async () => {
    const { supervised, made, lines } = superviseFakes({ baseMs: 200 })
    made[0]?.end('signal SIGKILL')
    await eventually(() => supervised.pid === 2)
    made[1]?.end('signal SIGKILL')
    await eventually(() => supervised.pid === 3)
    const [first, second] = waits(lines)
    expect(first).toBe(0)
    expect(second).toBeGreaterThan(0)
    await supervised.stop()
  })

  test('that says that it cannot start is not started again at once', async () => {
    const { supervised, made, lines } = superviseFakes({ baseMs: 200 })
    made[0]?.fail('Port 8000 is taken')
    await eventually(() => supervised.pid === 2)
    expect(waits(lines)[0]).toBeGreaterThan(0)
    await supervised.stop()
  })

  test('stays away after it was stopped, also in the middle of a back-off', async () => {
    const { supervised, made, lines } = superviseFakes()
    await supervised.stop()
    expect(await made[0]?.ended).toEqual({ how: 'stopped', cannotStart: null })
    const waiting = superviseFakes({ failTimes: 1_000 })
    waiting.made[0]?.end('exit code 1')
    await eventually(() => waiting.lines.length >= 12)
    await waiting.supervised.stop()
    expect([made.length, waiting.made.length, lines.length]).toEqual([1, 1, 0])
  })
})
