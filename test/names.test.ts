import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { copiesIn } from './cluster/disk.ts'
import { type Answer, download, upload } from './cluster/http.ts'
import { TestCluster } from './cluster/test-cluster.ts'
import { waitUntil } from './cluster/wait-until.ts'
import { countOf } from './full-run.ts'

const UPLOAD_COUNT = countOf(1_000, 300)

test(`invariant 4: of ${UPLOAD_COUNT} simultaneous uploads of one name exactly one wins, the others get code 3, and one copy is left`, async () => {
  await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), managers: 2 })
  const bodies = Array.from({ length: UPLOAD_COUNT }, () => randomBytes(2_000))
  const urls = cluster.managers.map((manager) => manager.url)
  const answers = await Promise.all(
    bodies.map((bytes, index) => uploadPatiently(urls[index % 2] ?? '', 'contested', bytes)),
  )
  const winners = answers.flatMap((answer, index) => (answer.status === 201 ? [index] : []))
  expect(winners).toHaveLength(1)
  expect(answers.filter((answer) => answer.status === 409 && answer.code === 3)).toHaveLength(UPLOAD_COUNT - 1)
  const winner = bodies[winners[0] ?? 0]
  for (const url of urls) expect((await download(url, 'contested')).body.equals(winner ?? Buffer.alloc(0))).toBe(true)
  await waitUntil('the bytes of the losers are gone', async () => {
    const copies = await copiesIn(cluster.directories)
    return copies.length === 1 || copies.length
  })
}, 180_000)

/** A server that has too much to do says 503, which is no answer yet. */
async function uploadPatiently(url: string, name: string, bytes: Uint8Array): Promise<Answer> {
  let answer = await upload(url, name, bytes)
  for (let tries = 1; answer.status === 503 && tries < 10; tries++) {
    await setTimeout(Number(answer.headers.get('retry-after')) * 1_000)
    answer = await upload(url, name, bytes)
  }
  return answer
}
