import { createHash, randomBytes } from 'node:crypto'
import { expect, inject, test } from 'vitest'
import { peakBytes } from './cluster/process-measures.ts'
import { TestCluster } from './cluster/test-cluster.ts'

const MIB = 1024 * 1024
const FILE_MIB = 516

/** The file is 3 MiB of noise repeated, whose base64 is exactly 4 MiB, so that it can be sent in pieces. */
async function* jsonUpload(name: string, piece: Buffer): AsyncGenerator<Buffer> {
  const text = Buffer.from(piece.toString('base64'))
  yield Buffer.from(`{"filename":"${name}","file":"`)
  for (let sent = 0; sent < FILE_MIB; sent += 3) yield text
  yield Buffer.from('"}')
}

test('invariant 9: memory does not grow with the size of a file, up or down', async () => {
  await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1 })
  const pids = [cluster.managers[0]?.process.pid ?? 0, cluster.fileServers[0]?.process.pid ?? 0]
  const piece = randomBytes(3 * MIB)
  const names = ['one', 'two']
  const answers = await Promise.all(
    names.map((name) =>
      fetch(`${cluster.url}/file`, {
        method: 'POST',
        duplex: 'half',
        body: jsonUpload(name, piece),
      } as unknown as RequestInit),
    ),
  )
  const stored = (await Promise.all(answers.map((answer) => answer.json()))) as { sizeBytes: number; sha256: string }[]
  expect(answers.map((answer) => answer.status)).toEqual([201, 201])

  const digests = await Promise.all(
    names.map(async (name) => {
      const hash = createHash('sha256')
      const response = await fetch(`${cluster.url}/file/${name}`)
      for await (const bytes of response.body ?? []) hash.update(bytes)
      return hash.digest('hex')
    }),
  )
  expect(digests).toEqual(stored.map((file) => file.sha256))
  // Two files of 516 MiB passed up and down at once, yet no process has ever held as much as one of them.
  for (const pid of pids) expect(await peakBytes(pid)).toBeLessThan(384 * MIB)
}, 120_000)
