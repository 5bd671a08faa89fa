import { createServer } from 'node:http'
import { behaveAsService } from './service.mjs'

behaveAsService('manager')

/** @type {Map<string, number>} */
const lastSeen = new Map()

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1')
  if (url.pathname === '/join') lastSeen.set(url.searchParams.get('name') ?? '', Date.now())
  const nodes = [...lastSeen].filter(([, seenAt]) => Date.now() - seenAt < 500).map(([name]) => ({ id: name, name }))
  response.statusCode = url.pathname === '/ready' && nodes.length === 0 ? 503 : 200
  response.end(JSON.stringify(url.pathname === '/environment' ? process.env : nodes))
})
server.listen(Number(process.env.PORT), process.env.HOST)
