import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { expect, inject, test } from 'vitest'
import { copiesIn } from './cluster/disk.ts'
import { IdleReaders, KIB, readAndHangUp, sendAndHangUp, uploadRequest } from './cluster/fault-clients.ts'
import { download, upload } from './cluster/http.ts'
import { openFiles, residentBytes } from './cluster/process-measures.ts'
import { TestCluster } from './cluster/test-cluster.ts'
import { waitUntil } from './cluster/wait-until.ts'
import { ChaosProxy } from './faults/chaos-proxy.ts'
import { testInFull } from './full-run.ts'

const run = promisify(execFile)
const MIB = KIB * KIB
/** With these settings upkeep collects within a test whatever nobody wants. */
const hasty = { ORPHAN_GRACE_MS: '1000', RECONCILE_EVERY_MS: '200', UPKEEP_EVERY_MS: '200' }

testInFull(
  'a manager stopped for longer than the grace period, its record on the way, acknowledges nothing and leaves nothing',
  async () => {
    await using cluster = await TestCluster.start({
      mongoUrl: inject('mongoUrl'),
      fileServers: 1,
      // The manager has to be stopped before its grace is over.
      managerEnvironment: { ...hasty, ORPHAN_GRACE_MS: '4000' },
    })
    const direct = new URL(cluster.mongoUrl)
    await using proxy = await ChaosProxy.start({ host: direct.hostname, port: Number(direct.port) })
    const proxied = `mongodb://127.0.0.1:${proxy.port}${direct.pathname}?directConnection=true`
    const sleeper = cluster.startManagerProcess({ MONGO_URL: proxied })
    try {
      const url = String((await sleeper.line((line) => line.message === 'manager started')).url)
      await waitUntil('the file-server has dialled the second manager', async () => {
        const nodes = (await (await fetch(`${url}/active-nodes`)).json()) as unknown[]
        return nodes.length === 1
      })
      // The command is an OP_MSG whose first element is `insert: "files"`.
      const held = proxy.holdAt(Buffer.from('\x02insert\0\x06\0\0\0files\0', 'latin1'))
      const answer = upload(url, 'slept', randomBytes(10_000))
      await held
      sleeper.signal('SIGSTOP')
      expect(await copiesIn(cluster.directories)).toHaveLength(1)
      await waitUntil('its bytes are collected', async () => (await copiesIn(cluster.directories)).length === 0)
      await proxy.releaseAndAnswer()
      sleeper.signal('SIGCONT')
      expect((await answer).status).toBe(503)
      for (const manager of [cluster.url, url]) expect((await download(manager, 'slept')).status).toBe(404)
      expect((await upload(url, 'slept', Buffer.from('again'))).status).toBe(201)
      expect((await download(cluster.url, 'slept')).body.toString()).toBe('again')
    } finally {
      await sleeper.kill()
    }
  },
)

test('row 39: clients that hang up at every 64 KiB, up and down, leave no file, no bytes and no open descriptor', async () => {
  await using cluster = await TestCluster.start({
    mongoUrl: inject('mongoUrl'),
    fileServers: 1,
    managerEnvironment: hasty,
  })
  const bytes = randomBytes(MIB)
  await upload(cluster.url, 'whole', bytes)
  const request = uploadRequest('cut', bytes)
  const hangUps = async (): Promise<void> => {
    const cuts = Array.from({ length: Math.floor(request.length / (64 * KIB)) }, (_, index) => (index + 1) * 64 * KIB)
    await Promise.all(cuts.map((cut) => sendAndHangUp(cluster.url, request, cut)))
    await Promise.all(cuts.map((cut) => readAndHangUp(cluster.url, 'whole', Math.min(cut, MIB))))
  }
  const settled = async (): Promise<number[]> => {
    await waitUntil('only the whole file is on the disk', async () => {
      const copies = await copiesIn(cluster.directories)
      return copies.length === 1 || copies
    })
    const pids = [...cluster.managers, ...cluster.fileServers].map((member) => member.process.pid)
    return Promise.all(pids.map(openFiles))
  }
  // The first round opens what is kept, such as connections to the database.
  await hangUps()
  const [manager = 0, fileServer = 0] = await settled()
  for (let round = 0; round < 3; round++) await hangUps()
  await waitUntil('all descriptors are given back', async () => {
    const [managerAfter = 0, fileServerAfter = 0] = await settled()
    return (
      (managerAfter <= manager + 8 && fileServerAfter <= fileServer) || [
        manager,
        managerAfter,
        fileServer,
        fileServerAfter,
      ]
    )
  })
  expect((await download(cluster.url, 'cut')).status).toBe(404)
  expect((await download(cluster.url, 'whole')).body.equals(bytes)).toBe(true)
})

test('row 41: a file-server without a free file descriptor answers errors, lives, and takes files again when it has some', async () => {
  await using cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1 })
  const bytes = randomBytes(400_000)
  await upload(cluster.url, 'before', bytes)
  const { pid } = cluster.fileServers[0]?.process ?? { pid: 0 }
  const { stdout } = await run('prlimit', ['--pid', `${pid}`, '--nofile', '--output', 'SOFT', '--noheadings'])
  const stored = ['before']
  for (const spare of [0, 1, 2, 3, 5, 8]) {
    await run('prlimit', ['--pid', `${pid}`, `--nofile=${(await openFiles(pid)) + spare}:`])
    const names = Array.from({ length: 12 }, (_, index) => `${spare}-${index}`)
    const answers = await Promise.all(names.map((name) => upload(cluster.url, name, bytes)))
    for (const [index, { status }] of answers.entries()) {
      expect([201, 503]).toContain(status)
      if (status === 201) stored.push(names[index] ?? '')
    }
    const { status, body } = await download(cluster.url, 'before')
    expect(status === 503 || body.equals(bytes)).toBe(true)
  }
  await run('prlimit', ['--pid', `${pid}`, `--nofile=${stdout.trim()}:`])
  expect((await upload(cluster.url, 'after', bytes)).status).toBe(201)
  expect((await cluster.activeNodes())[0]?.state).toBe('active')
  for (const name of [...stored, 'after']) expect((await download(cluster.url, name)).body.equals(bytes)).toBe(true)
})

test('clients that take nothing of what they asked for hold no more memory than is set aside for downloads', async () => {
  const setAside = 64 * MIB
  await using cluster = await TestCluster.start({
    mongoUrl: inject('mongoUrl'),
    fileServers: 1,
    managerEnvironment: { DOWNLOAD_MEMORY_BYTES: `${setAside}` },
  })
  const bytes = randomBytes(16 * MIB)
  const onePart = bytes.subarray(0, 4 * MIB)
  await upload(cluster.url, 'large', bytes)
  await upload(cluster.url, 'part', onePart)
  const { pid } = cluster.managers[0]?.process ?? { pid: 0 }
  for (const name of ['part', 'large']) {
    const before = await residentBytes(pid)
    using readers = new IdleReaders(cluster.url)
    const statuses: number[] = []
    // They ask one after the other, so each is served only if those before it hold nothing.
    for (let count = 0; count < 60; count++) statuses.push(await readers.add(name))
    expect([statuses[0], statuses.at(-1)]).toEqual([200, 503])
    expect((await residentBytes(pid)) - before).toBeLessThan(3 * setAside)
  }
  await waitUntil('their memory is free again', async () => (await download(cluster.url, 'large')).body.equals(bytes))
})
