import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { download, upload } from '../cluster/http.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { isFullRun } from '../full-run.ts'
import { isInstalled } from '../install/installed.ts'

const run = promisify(execFile)
const pathOf = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const hasJava = await isInstalled('java', ['--list-modules'], /jdk\.compiler@/)
const hasCurl = await isInstalled('curl', ['--version'], /\bHTTP2\b/)

describe.each(isFullRun ? [1, 3] : [3])('with %i workers', (workers) => {
  let cluster: TestCluster
  beforeAll(async () => {
    const managerEnvironment = { MANAGER_WORKERS: String(workers) }
    cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1, managerEnvironment })
  })
  afterAll(() => cluster[Symbol.asyncDispose]())

  test.runIf(hasJava)("Java's client, as it is by default, stores, reads and deletes files", async () => {
    const { stdout } = await run('java', [pathOf('DefaultClient.java'), cluster.url], { timeout: 50_000 })
    const lives = [0, 5, 300_000, 6_000_000].map((bytes) => `java-${bytes} 201 200 true 200 404 HTTP_1_1`)
    expect(stdout.trim().split('\n')).toEqual([...lives, 'many 100'])
  })

  test.runIf(hasCurl)('curl --http2 does, on one connection', async () => {
    const bytes = randomBytes(2_000_000)
    await upload(cluster.url, 'offered', bytes)
    const file = `${cluster.url}/file`
    const asks = [
      [`${file}/offered`],
      ['-F', `file=@${pathOf('../../package-lock.json')};filename=curl`, file],
      ['-X', 'DELETE', `${file}/offered`],
      [`${file}/offered`],
    ]
    const each = [
      '--http2',
      '-sS',
      '-m',
      '20',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code} %{http_version} %{num_connects}\n',
    ]
    const { stdout } = await run(
      'curl',
      asks.flatMap((ask, index) => [...(index === 0 ? [] : ['--next']), ...each, ...ask]),
    )
    expect(stdout.trim().split('\n')).toEqual(['200 1.1 1', '201 1.1 0', '200 1.1 0', '404 1.1 0'])
  })

  test('a client that ends its side after its upload is told that it is stored', async () => {
    const bytes = randomBytes(400_000)
    const body = JSON.stringify({ filename: 'half-closed', file: bytes.toString('base64') })
    const head = `POST /file HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`
    const { hostname: host, port } = new URL(cluster.url)
    const socket = connect({ host, port: Number(port), allowHalfOpen: true })
    socket.end(head + body)
    let answer = ''
    for await (const text of socket.setEncoding('utf8')) answer += String(text)
    expect(answer).toMatch(/^HTTP\/1\.1 201 Created\r\n/)
    expect((await download(cluster.url, 'half-closed')).body.equals(bytes)).toBe(true)
  })
})
