import { randomBytes } from 'node:crypto'
import { open as openFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request as requestHttp, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { bodyDigest, issueTicket } from '@holdfast/shared/node/ticket'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { copiesIn } from './cluster/disk.ts'
import { download, request } from './cluster/http.ts'
import { type Described, put, sha256, share } from './cluster/shares.ts'
import { TestCluster } from './cluster/test-cluster.ts'
import { waitUntil } from './cluster/wait-until.ts'
import { testInFull } from './full-run.ts'

const MIB = 1024 * 1024
const mongoUrl = inject('mongoUrl')

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Stands before a chunk port and knows what went through. */
class CountingProxy implements AsyncDisposable {
  readonly #server: Server
  isCut = false
  readonly statuses: (number | undefined)[] = []
  refusedCount = 0

  private constructor(server: Server) {
    this.#server = server
  }

  static async to(port: number): Promise<CountingProxy> {
    const server = createServer((incoming, outgoing) => {
      if (proxy.isCut) {
        proxy.refusedCount++
        incoming.socket.destroy()
        return
      }
      const { method, url: path, headers } = incoming
      const asked = requestHttp({ host: '127.0.0.1', port, method, path, headers }, (answer: IncomingMessage) => {
        proxy.statuses.push(answer.statusCode)
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      })
      asked.on('error', () => incoming.socket.destroy())
      incoming.pipe(asked)
    }).listen(0, '127.0.0.1')
    const proxy = new CountingProxy(server)
    await new Promise((resolve) => server.once('listening', resolve))
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

test('a file-server that joins fetches chunks from the other one, and through the manager where it does not get them', async () => {
  const port = await freePort()
  await using proxy = await CountingProxy.to(port)
  await using cluster = await TestCluster.start({
    ...{ mongoUrl, fileServers: 1 },
    managerEnvironment: { UPKEEP_EVERY_MS: '200', REBALANCE_THRESHOLD: '1' },
    environmentOf: (number) => (number === 1 ? { CHUNK_PORT: String(port), CHUNK_URL: proxy.url } : {}),
  })
  const [node] = await cluster.activeNodes()
  expect(node?.chunkUrl).toBe(proxy.url)
  // One is a single part, one has tags, and small ones go through the manager in groups.
  const files = [300_000, 2 * MIB, 5 * MIB, 9 * MIB, 1_000, 300_001].map((size, index) => ({
    name: `f${index}`,
    bytes: randomBytes(size),
  }))
  for (const { name, bytes } of files) expect((await put(cluster.url, `${name}?class=single`, bytes)).status).toBe(201)
  const areWhole = async () => {
    for (const { name, bytes } of files) if (!(await download(cluster.url, name)).body.equals(bytes)) return name
    return true
  }
  const counts = async () => (await cluster.activeNodes()).map((one) => one.files)
  cluster.addFileServer()
  await waitUntil('half of the files are moved', async () => {
    const now = await counts()
    return now.join() === '3,3' || now
  })
  expect(proxy.statuses.length).toBeGreaterThanOrEqual(2)
  expect(new Set(proxy.statuses)).toEqual(new Set([200]))
  expect(await areWhole()).toBe(true)

  proxy.isCut = true
  const more = Array.from({ length: 3 }, (_, index) => ({ name: `g${index}`, bytes: randomBytes(400_000) }))
  files.push(...more)
  await cluster.fileServers[1]?.process.stop()
  for (const { name, bytes } of more) expect((await put(cluster.url, `${name}?class=single`, bytes)).status).toBe(201)
  await cluster.restartFileServer(1)
  await waitUntil('they are evened out again', async () => {
    const now = await counts()
    return (now.length === 2 && Math.abs((now[0] ?? 0) - (now[1] ?? 0)) <= 1) || now
  })
  expect(proxy.refusedCount).toBeGreaterThan(0)
  expect(await areWhole()).toBe(true)
})

describe('with DIRECT_DOWNLOADS', () => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await TestCluster.start({
      ...{ mongoUrl, fileServers: 2 },
      managerEnvironment: { DIRECT_DOWNLOADS: 'true', ORPHAN_GRACE_MS: '4000', RECONCILE_EVERY_MS: '300' },
    })
  })
  afterAll(() => cluster[Symbol.asyncDispose]())
  afterEach(async () => {
    for (const [index, { process }] of cluster.fileServers.entries())
      if (!process.isRunning) await cluster.restartFileServer(index)
    await cluster.settled()
  })

  /** Changes one byte of the copy that a link leads to. */
  async function damage(link: string, bytes: Buffer, offset: number): Promise<void> {
    const server = (await cluster.activeNodes()).find(({ chunkUrl }) => link.startsWith(chunkUrl ?? '-'))
    const directory = cluster.directories[Number(server?.name) - 1] ?? ''
    const [path = ''] = (await copiesIn([directory])).filter((one) => one.endsWith(sha256(bytes)))
    const handle = await openFile(path, 'r+')
    await handle.write(Buffer.from([(bytes[offset] ?? 0) ^ 1]), 0, 1, offset)
    await handle.close()
  }

  const ask = ({ url }: Described, init: RequestInit = {}, query = '') =>
    request(cluster.url + url + query, { redirect: 'manual', ...init })

  test.each([
    ['of class single', 5 * MIB, '&class=single'],
    ['of one chunk', 300_000, ''],
  ])('the manager sends who downloads a file %s to a file-server that has it', async (_, size, query) => {
    const bytes = randomBytes(size)
    const file = await share(cluster.url, 'für alle.txt', bytes, query)
    const sent = await ask(file)
    expect([sent.status, sent.headers.get('cache-control')]).toEqual([307, 'no-store'])
    const link = sent.headers.get('location') ?? ''
    // An end of the file that is set later does not reach it.
    expect(Number(/ticket=v1\.(\d+)\./.exec(link)?.[1]) - Date.now() / 1000).toBeLessThanOrEqual(300)
    const nodes = await cluster.activeNodes()
    expect(nodes.map(({ chunkUrl }) => chunkUrl)).toContain(new URL(link).origin)
    const [direct, own] = [await request(link), await ask(file, {}, '?direct=false')]
    expect([direct.status, own.status]).toEqual([200, 200])
    expect(direct.body.equals(bytes)).toBe(true)
    for (const name of ['content-type', 'content-disposition', 'etag', 'last-modified', 'content-security-policy'])
      expect(direct.headers.get(name)).toBe(own.headers.get(name))
    const range = await request(cluster.url + file.url, { headers: { range: 'bytes=-10' } })
    expect([range.status, range.body.equals(bytes.subarray(-10))]).toEqual([206, true])
    const known = await ask(file, { headers: { 'if-none-match': file.etag } })
    expect([known.status, (await ask(file, { method: 'HEAD' })).status]).toEqual([304, 200])
    expect((await request(link.replace('copy=', 'copy=0'))).status).toBe(401)
    expect((await request(link, { method: 'HEAD' })).status).toBe(401)
  })

  test('the manager sends a file of several chunks itself', async () => {
    const bytes = randomBytes(4 * MIB + 1)
    const file = await share(cluster.url, 'large', bytes)
    const sent = await ask(file)
    expect([sent.status, sent.body.equals(bytes)]).toEqual([200, true])
  })

  test('a link leads back where the copy is damaged, and the client gets the right bytes', async () => {
    const bytes = randomBytes(300_000)
    const file = await share(cluster.url, 'damaged', bytes)
    const link = (await ask(file)).headers.get('location') ?? ''
    await damage(link, bytes, 0)
    const got = await request(link)
    expect([got.status, got.body.equals(bytes)]).toEqual([200, true])
  })

  test('a range of a large copy is verified by its tags alone, which the manager gives', async () => {
    const bytes = randomBytes(5 * MIB)
    const file = await share(cluster.url, 'of two parts', bytes, '&class=single')
    const link = (await ask(file)).headers.get('location') ?? ''
    await damage(link, bytes, bytes.length - 1)
    const first = await request(link, { redirect: 'manual', headers: { range: 'bytes=0-9' } })
    expect([first.status, first.body.equals(bytes.subarray(0, 10))]).toEqual([206, true])
    const last = await request(link, { redirect: 'manual', headers: { range: 'bytes=-10' } })
    expect(last.status).toBe(307)
  })

  test('a file whose file-server is away is asked for as usual', async () => {
    const bytes = randomBytes(300_000)
    const [kept, lost] = [
      await share(cluster.url, 'kept', bytes),
      await share(cluster.url, 'lost', bytes, '&class=single'),
    ]
    const origin = new URL((await ask(lost)).headers.get('location') ?? '').origin
    const server = (await cluster.activeNodes()).find(({ chunkUrl }) => chunkUrl === origin)
    await cluster.fileServers[Number(server?.name) - 1]?.process.stop()
    await waitUntil('it is gone', async () => (await cluster.activeNodes()).length === 1)
    expect((await ask(lost)).status).toBe(503)
    const got = await request(cluster.url + kept.url)
    expect([got.status, got.body.equals(bytes)]).toEqual([200, true])
  })

  testInFull('chunks that are posted to a file-server go after ORPHAN_GRACE_MS', async () => {
    const [node] = await cluster.activeNodes()
    const { id: server = '' } = node ?? {}
    const send = (method: string, path: string, body?: Buffer) => {
      const signed = { method, path, bodySha256: bodyDigest(body ?? ''), server }
      const ticket = issueTicket(cluster.secret, signed, Math.ceil(Date.now() / 1000) + 60)
      const headers = { Authorization: `Bearer ${ticket}` }
      return request(`${node?.chunkUrl}${path}`, { method, headers, ...(body !== undefined && { body }) })
    }
    const chunks = [randomBytes(2_000), randomBytes(400_000)]
    for (const bytes of chunks) expect((await send('POST', `/chunk?hash=${sha256(bytes)}`, bytes)).status).toBe(201)
    await waitUntil('they are gone', async () => {
      const left = await Promise.all(chunks.map((bytes) => send('GET', `/chunk/${sha256(bytes)}`)))
      return left.every(({ status }) => status === 404)
    })
  })
})
