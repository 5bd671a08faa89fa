import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request as ask, type IncomingMessage, type RequestOptions } from 'node:http'
import { tryPort } from '@holdfast/launcher/mongod/free-port'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { upload } from '../cluster/http.ts'
import { TestCluster } from '../cluster/test-cluster.ts'
import { waitUntil } from '../cluster/wait-until.ts'
import { isInstalled } from './installed.ts'
import { Nginx } from './nginx.ts'

const MIB = 1024 * 1024
const NAME = 'files.example.test'

describe.runIf(await isInstalled('nginx', ['-V'], /--with-http_slice_module/))(
  'behind nginx as docs/proxies.md has it',
  () => {
    let cluster: TestCluster
    let nginx: Nginx
    let port: number
    beforeAll(async () => {
      port = (await tryPort('127.0.0.1', 0)) ?? 0
      const managerEnvironment = { MANAGER_URL: `http://${NAME}:${port}`, TRUSTED_PROXIES: '127.0.0.1' }
      cluster = await TestCluster.start({ mongoUrl: inject('mongoUrl'), fileServers: 1, managerEnvironment })
      nginx = await Nginx.start({ port, managerPort: Number(new URL(cluster.url).port) })
    })
    afterAll(async () => {
      await nginx?.[Symbol.asyncDispose]()
      await cluster?.[Symbol.asyncDispose]()
    })

    /** Asks nginx, by its public name unless another is given. */
    async function exchange(path: string, options: RequestOptions = {}, body: Buffer | string = '') {
      const headers = { host: `${NAME}:${port}`, ...options.headers }
      const asked = ask({ host: '127.0.0.1', port, path, timeout: 20_000, ...options, headers }).end(body)
      const [response] = (await once(asked, 'response')) as [IncomingMessage]
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }
    }

    const store = (prefix: string, filename: string, bytes: Buffer, headers = {}) =>
      exchange(
        `${prefix}/file`,
        { method: 'POST', headers },
        JSON.stringify({ filename, file: bytes.toString('base64') }),
      )

    test.each(['', '/store'])(
      'files are stored, read, in part too, and deleted under the prefix "%s"',
      async (prefix) => {
        const bytes = randomBytes(9 * MIB)
        const stored = await store(prefix, `a b/${prefix}/ü%2F?.bin`.replace('//', '/'), bytes)
        expect(stored.status, stored.body.toString()).toBe(201)
        const place = stored.headers.location ?? ''
        expect(place).toMatch(new RegExp(`^${prefix}/file/a%20b/`))
        const read = await exchange(place)
        expect([read.status, read.body.equals(bytes)]).toEqual([200, true])
        const range = await exchange(place, { headers: { range: `bytes=${4 * MIB - 2}-${4 * MIB + 1}` } })
        expect([range.status, range.body]).toEqual([206, bytes.subarray(4 * MIB - 2, 4 * MIB + 2)])
        expect((await exchange(place, { method: 'HEAD' })).headers['content-length']).toBe(String(bytes.length))
        expect((await exchange(place, { method: 'DELETE' })).status).toBe(200)
        expect((await exchange(place)).status).toBe(404)
      },
    )

    test('a page of the public origin may write, also in capitals, and no other', async () => {
      const origin = `http://${NAME}:${port}`
      const headers = { origin: origin.toUpperCase(), host: `${NAME.toUpperCase()}:${port}` }
      expect((await store('', 'page-1', Buffer.from('x'), headers)).status).toBe(201)
      expect((await store('', 'page-2', Buffer.from('x'), { origin, host: '127.0.0.1' })).status).toBe(201)
      expect((await store('', 'page-3', Buffer.from('x'), { origin: `http://${NAME}` })).status).toBe(403)
      expect((await exchange('/ready', { headers: { host: 'other.example.test' } })).status).toBe(403)
    })

    test.each([0, 1, 4 * MIB, 4 * MIB + 1, 9 * MIB])(
      'a file of %i bytes comes in slices, and from the cache again',
      async (size) => {
        const bytes = randomBytes(size)
        await upload(cluster.url, `sliced/${size}`, bytes)
        for (const _ of ['slices', 'cache']) {
          const read = await exchange(`/cached/file/sliced/${size}`)
          expect([read.status, read.body.equals(bytes)]).toEqual([200, true])
        }
        const range = await exchange(`/cached/file/sliced/${size}`, { headers: { range: 'bytes=0-0' } })
        expect([range.status, range.body]).toEqual([size === 0 ? 200 : 206, bytes.subarray(0, 1)])
      },
    )

    test('what is too large is told so by the manager, and early', async () => {
      const headers = { 'content-length': String(2 ** 36), 'content-type': 'application/json' }
      const asked = ask({ host: '127.0.0.1', port, path: '/file', method: 'POST', headers })
      asked.on('error', () => undefined).write('{"filename":"x","file":"')
      const [response] = (await once(asked, 'response')) as [IncomingMessage]
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      asked.destroy()
      expect([response.statusCode, JSON.parse(Buffer.concat(chunks).toString()).error]).toEqual([413, 'TOO_LARGE'])
    })

    test('the trackers see who asks nginx, whatever he says of himself', async () => {
      const json = { 'content-type': 'application/json', 'x-forwarded-for': '93.184.216.34' }
      const post = (path: string, localAddress: string, body: object) =>
        exchange(path, { method: 'POST', headers: json, localAddress }, JSON.stringify(body))
      for (const prefix of ['', '/store']) {
        const registered = await post(`${prefix}/hash`, '127.0.0.2', { listening_port: 300 })
        const { hash } = JSON.parse(registered.body.toString())
        const { peers } = JSON.parse((await post('/peers', '127.0.0.3', { hash, listening_port: 300 })).body.toString())
        expect(peers).toEqual([{ listening_host: '127.0.0.2', listening_port: 300 }])
      }
    })

    test('an upgrade that nginx passes on under /socket.io/ connects a file-server that comes this way', async () => {
      cluster.addFileServer({ MANAGERS: `http://127.0.0.1:${port}` })
      await waitUntil('both are active', async () => (await cluster.activeNodes()).length === 2)
    })

    test('connections to the manager are kept, and nginx has nothing to complain of', async () => {
      for (let count = 0; count < 200; count++) expect((await exchange('/ready')).status).toBe(200)
      expect(nginx.log.split('\n').filter((line) => /\[(error|crit|alert|emerg)\]/.test(line))).toEqual([])
    })
  },
)
