import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { type RunningRedis, startRedis } from '../../../launcher/src/redis/start-redis.ts'
import { type Job, JobRefusal, type Jobs, type JobTiming, jobId } from '../../src/jobs/jobs.ts'
import { openJobs, quickTiming, shortLease } from './open-jobs.ts'

let redis: RunningRedis | string
beforeAll(async () => {
  redis = await startRedis()
  if (typeof redis === 'string') console.warn(redis)
}, 180_000)
afterAll(async () => {
  if (typeof redis !== 'string') await redis.stop()
})

const kinds = {
  MongoDB: () => {
    const url = new URL(inject('mongoUrl'))
    url.pathname = `/test-jobs-${randomBytes(6).toString('hex')}`
    return url.href
  },
  Redis: () => (typeof redis === 'string' ? null : redis.url),
} as const

interface Given {
  readonly url: string
  /** keeps the jobs of this test apart from those of the others. */
  readonly cluster: string
  open(timing?: JobTiming): Promise<Jobs>
  /** is what is closed at the end of the test. */
  readonly opened: Jobs[]
}

// They wait for leases and pauses most of the time, so they wait together.
test.concurrent('a Redis that is away is an error within seconds, and nothing more', async () => {
  const jobs = await openJobs('redis://127.0.0.1:1', 'away', quickTiming)
  jobs.work('work', async () => undefined, 1)
  await expect(jobs.add({ kind: 'work', key: 'a', data: {} })).rejects.toMatchObject({ name: 'DATABASE_UNAVAILABLE' })
  await expect(jobs.list(1)).rejects.toMatchObject({ name: 'DATABASE_UNAVAILABLE' })
  await jobs.close()
}, 30_000)

describe.concurrent.each(Object.keys(kinds) as (keyof typeof kinds)[])('jobs in %s', (kind) => {
  /** A test without a Redis passes, and the run has said so. */
  const contract = (name: string, body: (given: Given) => Promise<void>): void =>
    test(name, async () => {
      const url = kinds[kind]()
      if (url === null) return
      const cluster = randomBytes(4).toString('hex')
      const opened: Jobs[] = []
      const open = async (timing = quickTiming): Promise<Jobs> => {
        const jobs = await openJobs(url, cluster, timing)
        opened.push(jobs)
        return jobs
      }
      try {
        await body({ url, cluster, open, opened })
      } finally {
        await Promise.all(opened.map((jobs) => jobs.close()))
      }
    })
  const order = (key: string, delayMs?: number) => ({
    kind: 'work',
    key,
    data: { key, number: 7 },
    ...(delayMs !== undefined && { delayMs }),
  })
  const isIdle = (jobs: Jobs) => vi.waitFor(async () => expect(await jobs.list(10)).toEqual([]), 8_000)

  contract('a job is done with its data, and is gone then', async ({ open }) => {
    const jobs = await open()
    const done: Pick<Job, 'key' | 'data' | 'attempt'>[] = []
    jobs.work('work', async ({ key, data, attempt }) => void done.push({ key, data, attempt }), 2)
    expect(await jobs.add(order('a'))).toBe(true)
    await vi.waitFor(() => expect(done).toEqual([{ key: 'a', data: { key: 'a', number: 7 }, attempt: 1 }]))
    await isIdle(jobs)
    expect(await jobs.add(order('a'))).toBe(true)
    await vi.waitFor(() => expect(done).toHaveLength(2))
  })

  contract('a job that one process adds is done by another', async ({ open }) => {
    const [adding, working] = [await open(), await open()]
    const done: string[] = []
    working.work('work', async ({ key }) => void done.push(key), 3)
    await Promise.all(Array.from({ length: 40 }, (_, index) => adding.add(order(`key ${index}`))))
    await vi.waitFor(() => expect(new Set(done).size).toBe(40), 8_000)
    expect(done).toHaveLength(40)
  })

  contract('of one key there is one job, while it waits and while it runs', async ({ open }) => {
    const jobs = await open()
    expect(await jobs.add(order('a'))).toBe(true)
    expect(await jobs.add(order('a'))).toBe(false)
    let end: () => void = () => undefined
    const begun = new Promise<void>((begin) => {
      const ended = new Promise<void>((resolve) => {
        end = resolve
      })
      const handler = (): Promise<void> => {
        begin()
        return ended
      }
      jobs.work('work', handler, 1)
    })
    await begun
    expect(await jobs.add(order('a'))).toBe(false)
    expect(await jobs.list(10)).toMatchObject([{ key: 'a', state: 'running' }])
    end()
    await isIdle(jobs)
  })

  contract('no more jobs run at once than a worker may', async ({ open }) => {
    const jobs = await open()
    let running = 0
    let most = 0
    let count = 0
    for (let index = 0; index < 12; index++) await jobs.add(order(`${index}`))
    jobs.work(
      'work',
      async () => {
        most = Math.max(most, ++running)
        // None ends before three have run at once, and then there is time for a fourth that must not come.
        await vi.waitFor(() => expect(most).toBeGreaterThanOrEqual(3), 8_000)
        await new Promise((resolve) => setTimeout(resolve, 150))
        running--
        count++
      },
      3,
    )
    await vi.waitFor(() => expect(count).toBe(12), 8_000)
    expect(most).toBe(3)
  })

  contract('a delayed job waits for its time', async ({ open }) => {
    const jobs = await open()
    const addedAt = performance.now()
    const begun = new Promise<number>((resolve) =>
      jobs.work('work', async () => resolve(performance.now() - addedAt), 1),
    )
    await jobs.add(order('later', 700))
    expect(await begun).toBeGreaterThan(650)
    await jobs.add(order('much later', 60_000))
    await vi.waitFor(async () => expect(await jobs.list(10)).toMatchObject([{ key: 'much later', state: 'delayed' }]))
  })

  contract('a job that fails is tried again after longer and longer pauses', async ({ open }) => {
    const jobs = await open()
    const begunAt: number[] = []
    jobs.work(
      'work',
      async ({ attempt }) => {
        begunAt.push(performance.now())
        if (attempt < 3) throw new Error(`attempt ${attempt}`)
      },
      1,
    )
    await jobs.add(order('flaky'))
    await vi.waitFor(() => expect(begunAt).toHaveLength(3), 8_000)
    const [first = 0, second = 0, third = 0] = begunAt
    expect(second - first).toBeGreaterThan(90)
    expect(third - second).toBeGreaterThan(180)
    await isIdle(jobs)
  })

  contract('a job that has failed for good stays, is not added again, and can be retried', async ({ open }) => {
    const jobs = await open()
    let isMended = false
    let attempts = 0
    const handler = async (): Promise<void> => {
      attempts++
      if (!isMended) throw new TypeError('no such luck')
    }
    jobs.work('work', handler, 1)
    await jobs.add(order('bad'))
    const seen = await vi.waitFor(async () => {
      const [job] = await jobs.list(10)
      expect(job).toMatchObject({
        key: 'bad',
        state: 'failed',
        attempts: 3,
        error: expect.stringMatching(/no such luck/),
      })
      return job
    }, 8_000)
    expect(await jobs.add(order('bad'))).toBe(false)
    expect(await jobs.retry('nothing')).toBe(false)
    isMended = true
    expect(await jobs.retry(seen?.id ?? '')).toBe(true)
    await isIdle(jobs)
    expect(attempts).toBe(4)
  })

  contract(
    'a job that has failed begins anew where that is wished, but not too soon, nor one that was refused',
    async ({ open }) => {
      const jobs = await open()
      const seen: string[] = []
      const handler = async ({ key, isLast }: Job): Promise<void> => {
        seen.push(`${key} ${isLast}`)
        if (!isLast) throw new Error('not this time')
        throw key === 'refused' ? new JobRefusal('never') : new Error('out of luck')
      }
      jobs.work('work', handler, 2)
      for (const key of ['unlucky', 'refused']) await jobs.add(order(key))
      const haveFailed = () =>
        vi.waitFor(async () => {
          expect(await jobs.list(10)).toMatchObject([{ state: 'failed' }, { state: 'failed' }])
        }, 8_000)
      await haveFailed()
      expect(seen.filter((one) => one.startsWith('unlucky'))).toEqual([
        'unlucky false',
        'unlucky false',
        'unlucky true',
      ])
      const again = (key: string, retryAfterMs: number) => jobs.add({ ...order(key), retryAfterMs })
      expect([await again('unlucky', 60_000), await again('refused', 0)]).toEqual([false, false])
      expect(await again('unlucky', 0)).toBe(true)
      await vi.waitFor(() => expect(seen).toHaveLength(9), 8_000)
      await haveFailed()
      expect(await jobs.retry(jobId(order('refused')))).toBe(true)
    },
  )

  contract('a job that was refused has failed for good at once, and says why', async ({ open }) => {
    const jobs = await open()
    jobs.work('work', () => Promise.reject(new JobRefusal('the name is taken')), 1)
    await jobs.add(order('bad'))
    const failed = { state: 'failed', error: 'the name is taken' }
    await vi.waitFor(async () => expect(await jobs.list(10)).toMatchObject([failed]), 8_000)
    expect(await jobs.find(jobId(order('bad')))).toMatchObject(failed)
  })

  contract(
    'a job tells how it goes, is kept when it is done where that is wanted, and can be added again',
    async ({ open }) => {
      const [jobs, other] = [await open(), await open()]
      let end: () => void = () => undefined
      const handler = (job: Job): Promise<void> =>
        new Promise((resolve) => {
          end = resolve
          job.tell({ doneBytes: job.attempt, of: 'x' })
        })
      jobs.work('work', handler, 1)
      other.work('work', handler, 1, new Promise(() => undefined))
      const id = jobId(order('long'))
      expect(await other.find(id)).toBeNull()
      await jobs.add({ ...order('long'), isKept: true })
      const progress = { doneBytes: 1, of: 'x' }
      await vi.waitFor(async () => expect(await other.find(id)).toMatchObject({ state: 'running', progress }), 8_000)
      end()
      await vi.waitFor(async () => expect(await other.find(id)).toMatchObject({ state: 'done', progress }), 8_000)
      expect(await other.list(10)).toMatchObject([{ id, state: 'done', error: null }])
      expect(await jobs.add({ ...order('long'), isKept: true })).toBe(true)
      // It has told how it goes, so `end` is its own.
      await vi.waitFor(async () => expect(await other.find(id)).toMatchObject({ state: 'running', progress }), 8_000)
      end()
    },
  )

  contract('a job can be removed, whether it waits, runs or has failed', async ({ open }) => {
    const jobs = await open()
    const id = jobId(order('a'))
    expect(await jobs.remove(id)).toBe(false)
    await jobs.add(order('a', 60_000))
    expect(await jobs.remove(id)).toBe(true)
    expect(await jobs.find(id)).toBeNull()

    let ended = 0
    const endless = async (job: Job, signal: AbortSignal): Promise<void> => {
      while (!signal.aborted) {
        await job.tell({})
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      ended++
      throw new Error('broken off')
    }
    jobs.work('work', endless, 1)
    await jobs.add({ ...order('a'), isKept: true })
    await vi.waitFor(async () => expect(await jobs.find(id)).toMatchObject({ state: 'running' }), 8_000)
    expect(await jobs.remove(id)).toBe(true)
    await vi.waitFor(() => expect(ended).toBe(1), 8_000)
    await isIdle(jobs)

    jobs.work('other', () => Promise.reject(new JobRefusal('no')), 1)
    const failing = { ...order('b'), kind: 'other' }
    await jobs.add(failing)
    await vi.waitFor(async () => expect(await jobs.find(jobId(failing))).toMatchObject({ state: 'failed' }), 8_000)
    expect(await jobs.remove(jobId(failing))).toBe(true)
    await isIdle(jobs)
  })

  contract('a job that is longer than its lease keeps it', async ({ open }) => {
    const [first, second] = [await open(shortLease), await open(shortLease)]
    let begun = 0
    let ended = 0
    const handler = async (): Promise<void> => {
      begun++
      await new Promise((resolve) => setTimeout(resolve, shortLease.leaseMs * 1.5))
      ended++
    }
    first.work('work', handler, 1)
    second.work('work', handler, 1)
    await first.add(order('long'))
    await vi.waitFor(() => expect(ended).toBe(1), 30_000)
    expect(begun).toBe(1)
  })

  contract('a job whose process is killed is done by another', async ({ url, cluster, open }) => {
    const jobs = await open(shortLease)
    const victim = fork(fileURLToPath(new URL('./victim.mjs', import.meta.url)), [url, cluster])
    try {
      const taken = once(victim, 'message')
      await jobs.add(order('survives'))
      await taken
    } finally {
      victim.kill('SIGKILL')
    }
    const done = new Promise<number>((resolve) => jobs.work('work', async ({ attempt }) => resolve(attempt), 1))
    expect(await done).toBeGreaterThanOrEqual(1)
    await isIdle(jobs)
  })

  contract(
    'a job whose process is killed each time has failed for good, and says so',
    async ({ url, cluster, open }) => {
      // One more kill than these attempts is too much for either.
      const jobs = await open({ ...shortLease, attempts: 1 })
      const id = jobId(order('deadly'))
      await jobs.add(order('deadly'))
      for (let killed = 0; killed < 2; killed++) {
        const victim = fork(fileURLToPath(new URL('./victim.mjs', import.meta.url)), [url, cluster])
        try {
          await once(victim, 'message')
        } finally {
          victim.kill('SIGKILL')
        }
      }
      const handler = vi.fn(async () => undefined)
      jobs.work('work', handler, 1)
      const failed = { state: 'failed', error: 'its process ended over it each time' }
      await vi.waitFor(async () => expect(await jobs.find(id)).toMatchObject(failed), 30_000)
      expect(await jobs.list(10)).toMatchObject([failed])
      expect(handler).not.toHaveBeenCalled()
      expect(await jobs.add({ ...order('deadly'), retryAfterMs: 0 })).toBe(false)
      expect(await jobs.retry(id)).toBe(true)
      await vi.waitFor(() => expect(handler).toHaveBeenCalledTimes(1), 8_000)
      await isIdle(jobs)
    },
  )

  contract('a job that a shutdown breaks off is done by another at once', async ({ open, opened }) => {
    const [first, second] = [await open(), await open()]
    const begun = new Promise<void>((begin) => {
      first.work(
        'work',
        (_job, signal) =>
          new Promise((_resolve, reject) => {
            begin()
            signal.addEventListener('abort', () => reject(new Error('broken off')))
          }),
        1,
      )
    })
    await first.add(order('moved'))
    await begun
    opened.splice(opened.indexOf(first), 1)
    await first.close()
    const done = new Promise<number>((resolve) => second.work('work', async ({ attempt }) => resolve(attempt), 1))
    expect(await done).toBe(1)
    await isIdle(second)
  })
})
