import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type LoadOrder, runLoad } from '../../src/load/run-load.ts'

const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await once(server.close(), 'close')
  }
})

/** Keeps files in memory, and counts what it is asked. */
async function startStore(damage: (bytes: Buffer) => Buffer = (bytes) => bytes) {
  const files = new Map<string, Buffer>()
  const counts = new Map<string, number>()
  const queries = new Set<string>()
  const server = createServer(async (request, response) => {
    const method = request.method ?? ''
    counts.set(method, (counts.get(method) ?? 0) + 1)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const name = (request.url ?? '').slice('/file/'.length)
    const send = (status: number, body: Buffer) =>
      response.writeHead(status, { 'content-length': body.length }).end(body)
    if (method === 'POST' || method === 'PUT') {
      const [path = '', query = ''] = name.split('?')
      const { filename, file } =
        method === 'PUT'
          ? { filename: path, file: Buffer.concat(chunks).toString('base64') }
          : (JSON.parse(Buffer.concat(chunks).toString()) as { filename: string; file: string })
      queries.add(query)
      if (files.has(filename)) return send(409, Buffer.from('exists'))
      files.set(filename, Buffer.from(file, 'base64'))
      return send(201, Buffer.from('{}'))
    }
    const bytes = files.get(name)
    if (bytes === undefined) return send(404, Buffer.from('none'))
    if (method === 'DELETE') files.delete(name)
    return send(200, method === 'DELETE' ? Buffer.from('{}') : damage(bytes))
  })
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, files, counts, queries }
}

const orderOf = (url: string, order: Partial<LoadOrder>): LoadOrder => ({
  url,
  operation: 'upload',
  uploadWay: 'json',
  sizeBytes: 4096,
  clients: 8,
  maxMs: 60_000,
  maxCount: 100,
  run: 'test',
  nextNumber: 0,
  stored: { first: 0, count: 0 },
  ...order,
})

describe('runLoad', () => {
  it.each([4096, 100_000, 2_500_000])('uploads, downloads and deletes files of %i bytes', async (sizeBytes) => {
    const { url, files, counts } = await startStore()
    const stored = { first: 0, count: 12 }
    const uploaded = await runLoad(orderOf(url, { sizeBytes, maxCount: 12 }))
    expect(uploaded).toMatchObject({ doneCount: 12, uploadCount: 12, deleteCount: 0 })
    expect([...files.values()].every(({ length }) => length === sizeBytes)).toBe(true)
    const downloaded = await runLoad(orderOf(url, { sizeBytes, operation: 'download', stored, maxCount: 30 }))
    expect(downloaded.doneCount).toBe(30)
    const deleted = await runLoad(orderOf(url, { sizeBytes, operation: 'delete', stored }))
    expect(deleted).toMatchObject({ doneCount: 12, deleteCount: 12 })
    expect(Object.fromEntries(counts)).toEqual({ POST: 12, GET: 30, DELETE: 12 })
    expect(files.size).toBe(0)
  })

  it.each([4096, 2_500_000])('uploads files of %i bytes as they are, and asks for a class', async (sizeBytes) => {
    const { url, counts, queries } = await startStore()
    await runLoad(orderOf(url, { sizeBytes, uploadWay: 'raw-replicated', maxCount: 12 }))
    await runLoad(orderOf(url, { sizeBytes, operation: 'download', stored: { first: 0, count: 12 }, maxCount: 12 }))
    expect(Object.fromEntries(counts)).toEqual({ PUT: 12, GET: 12 })
    expect([...queries]).toEqual(['class=replicated'])
  })

  it('mixes 60 % downloads, 30 % uploads and 10 % deletes, of its own files only', async () => {
    const { url, files, counts } = await startStore()
    await runLoad(orderOf(url, { maxCount: 20 }))
    counts.clear()
    const stored = { first: 0, count: 20 }
    await runLoad(orderOf(url, { operation: 'mixed', nextNumber: 20, stored, maxCount: 1_000 }))
    expect(counts.get('GET')).toBe(600)
    // While none of its own is there to be deleted, it uploads.
    expect(counts.get('DELETE')).toBeGreaterThan(95)
    expect((counts.get('POST') ?? 0) + (counts.get('DELETE') ?? 0)).toBe(400)
    for (let number = 0; number < 20; number += 1)
      expect(files.has(`bench-test-4096-${number % 64}-${number}`)).toBe(true)
  })

  it('fails where a download has wrong bytes', async () => {
    const { url } = await startStore((bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([0])]))
    await runLoad(orderOf(url, { maxCount: 8 }))
    const download = runLoad(orderOf(url, { operation: 'download', stored: { first: 0, count: 8 } }))
    await expect(download).rejects.toThrow('wrong bytes')
  })

  it('fails where an upload is refused', async () => {
    const { url } = await startStore()
    await runLoad(orderOf(url, { maxCount: 8 }))
    await expect(runLoad(orderOf(url, {}))).rejects.toThrow('409 exists')
  })

  it('fails where the server goes away', async () => {
    const { url } = await startStore()
    const load = runLoad(orderOf(url, { sizeBytes: 2_500_000, maxCount: 10_000 }))
    servers[0]?.closeAllConnections()
    servers[0]?.on('connection', (socket) => socket.destroy())
    await expect(load).rejects.toThrow(/closed the connection|ECONNRESET|EPIPE/)
  })
})
