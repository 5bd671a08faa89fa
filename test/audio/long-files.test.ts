import { createReadStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { request } from '../cluster/http.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { PeakWatch } from '../cluster/watch-peaks.ts'
import { countOf, isFullRun } from '../full-run.ts'
import { canMakeAudio, makeAudio } from './make-audio.ts'

const MIB = 1024 ** 2
const RSS_LIMIT_BYTES = 300 * MIB
const SECONDS = countOf(3_600, 20)
/** Whoever asks more often makes the manager hold more. */
const POLL_MS = countOf(1_000, 100)
const LIMIT_MS = countOf(3 * 3_600_000, 180_000)

const someFormat = { name: 'long.mp3', as: '-c:a libmp3lame -b:a 192k' }
const otherFormats = [
  { name: 'long.flac', as: '-c:a flac' },
  { name: 'long.m4a', as: '-c:a aac -b:a 192k' },
  { name: 'long.ogg', as: '-c:a libvorbis -q:a 5' },
  { name: 'long.opus', as: '-c:a libopus -b:a 128k' },
  { name: 'long.wav', as: '-c:a pcm_s16le' },
]
const formats = isFullRun ? [someFormat, ...otherFormats] : [someFormat]
const decoders = [
  { by: 'ffmpeg', managerEnvironment: {} },
  { by: 'WebAssembly', managerEnvironment: { PATH: '/nowhere' } },
]

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-long-audio-'))
  if (canMakeAudio) for (const { name, as } of formats) await makeAudio(join(directory, name), { seconds: SECONDS, as })
}, LIMIT_MS)
afterAll(() => rm(directory, { recursive: true, force: true }))

describe.runIf(canMakeAudio).each(decoders)('decoded by $by', ({ by, managerEnvironment }) => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 2, managerEnvironment })
  })
  afterAll(() => cluster[Symbol.asyncDispose]())

  test.each(formats)(
    `$name of ${SECONDS} s is posted, judged and drawn with every process below 300 MiB`,
    async ({ name }) => {
      // A heap is not collected before it is large (docs/decisions/0011), so each file gets one of its own.
      await cluster.restartManager()
      await cluster.settled()
      const processes = [...cluster.managers, ...cluster.fileServers].map((member) => member.process)
      await using watch = new PeakWatch(new Map(processes.map(({ pid, kind }) => [pid, kind])))
      const startedAt = performance.now()
      const posted = await fetch(`${cluster.url}/post?name=${name}`, {
        method: 'POST',
        duplex: 'half',
        headers: { 'content-length': String((await stat(join(directory, name))).size) },
        body: Readable.toWeb(createReadStream(join(directory, name))),
      } as unknown as RequestInit)
      const file = (await posted.json()) as { duration: number; size: number }
      expect([posted.status, file.duration]).toEqual([201, expect.closeTo(SECONDS, 0)])
      const postedAt = performance.now()
      const isJudged = async () => {
        await delay(POLL_MS)
        const { verdict, reason } = await infoOf(name)
        return verdict !== 'unknown' || reason !== null
      }
      await waitUntil('it is judged', isJudged, LIMIT_MS)
      const judgedAt = performance.now()
      expect(await infoOf(name)).toMatchObject({ verdict: 'ok', reason: null })
      const drawn = await request(`${cluster.url}/info/peaks?name=${name}&buckets=500`)
      const { length, data } = JSON.parse(drawn.body.toString()) as { length: number; data: number[] }
      // Noise is loud from the beginning to the end.
      expect([length, Math.max(...data.slice(0, 20)) > 10, Math.max(...data.slice(-20)) > 10]).toEqual([
        500,
        true,
        true,
      ])

      const mib = [...watch.peaks].map(([process, bytes]) => `${process} ${(bytes / MIB).toFixed(0)} MiB`)
      const took = [postedAt - startedAt, judgedAt - postedAt].map((ms) => `${(ms / 1000).toFixed(0)} s`)
      console.log(
        `${name}, ${(file.size / MIB).toFixed(0)} MiB, by ${by}: posted in ${took.join(', judged in ')}; ${mib}`,
      )
      expect([...watch.peaks.keys()].sort()).toEqual(
        expect.arrayContaining([by === 'ffmpeg' ? 'ffmpeg' : 'decoder', 'file-server', 'manager']),
      )
      for (const [process, bytes] of watch.peaks) expect(bytes, process).toBeLessThan(RSS_LIMIT_BYTES)
    },
    LIMIT_MS,
  )

  const infoOf = async (name: string) => {
    const { body } = await request(`${cluster.url}/info?name=${name}`)
    return JSON.parse(body.toString()) as { verdict: string; reason: string | null; duration: number }
  }
})
