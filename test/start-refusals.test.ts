import { createServer } from 'node:net'
import { expect, inject, test } from 'vitest'
import { TestCluster } from './test-cluster.ts'

test('a manager whose port is taken says so in one sentence, exit code 1', async () => {
  await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 0 })
  const bystander = createServer()
  try {
    await new Promise<void>((resolve) => bystander.listen(0, '127.0.0.1', resolve))
    const { port } = bystander.address() as { port: number }
    const second = cluster.startManagerProcess({ PORT: String(port) })
    expect(await second.exited).toBe(1)
    expect(second.lines.at(-1)?.reason).toBe(`Port ${port} on 127.0.0.1 is taken by another process.`)
  } finally {
    bystander.close()
  }
})

test('a file-server whose data port is taken says so in one sentence, exit code 1, and lets its directory go', async () => {
  await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1 })
  const bystander = createServer()
  try {
    await new Promise<void>((resolve) => bystander.listen(0, '127.0.0.1', resolve))
    const { port } = bystander.address() as { port: number }
    await cluster.restartFileServer(0, { DATA_PORT: String(port) })
    const refused = cluster.fileServers[0]?.process
    expect(await refused?.exited).toBe(1)
    expect(refused?.lines.at(-1)?.reason).toBe(
      `The data port cannot listen on DATA_HOST 127.0.0.1, DATA_PORT ${port}: EADDRINUSE.`,
    )
    await cluster.restartFileServer(0)
    await cluster.settled()
  } finally {
    bystander.close()
  }
})

test('a manager is open on loopback only, unless told in so many words', async () => {
  await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 0 })
  const exposed = cluster.startManagerProcess({ HOST: '0.0.0.0', PORT: '0' })
  expect(await exposed.exited).toBe(1)
  expect(String(exposed.lines.at(-1)?.reason)).toMatch(/everyone who reaches it can read, write and delete every file/)
})
