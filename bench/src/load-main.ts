import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { UploadWay } from './load/requests.ts'
import { type LoadOrder, type Operation, runLoad } from './load/run-load.ts'

/** Puts load on any URL that answers POST, GET and DELETE /file, and prints one line of JSON. */
const usage = `node bench/dist/load-main.js --url URL [--operation upload|download|delete|mixed] [--size BYTES]
  [--clients 64] [--seconds 5] [--count FILES] [--way json|raw|raw-single|raw-replicated]
--way: how files are uploaded, as JSON by POST /file or by PUT /file/:name
--count: how many files are made first (not measured) for downloads and mixed loads (256), or to be deleted (20000);
for uploads, how many at most`

const operations = new Set<string>(['upload', 'download', 'delete', 'mixed'])
const ways = new Set<string>(['json', 'raw', 'raw-single', 'raw-replicated'] satisfies UploadWay[])
const isWay = (value: string): value is UploadWay => ways.has(value)
const isOperation = (value: string): value is Operation => operations.has(value)

async function run(): Promise<object> {
  const { values } = parseArgs({
    options: {
      url: { type: 'string' },
      operation: { type: 'string', default: 'upload' },
      size: { type: 'string', default: '4096' },
      clients: { type: 'string', default: '64' },
      seconds: { type: 'string', default: '5' },
      count: { type: 'string' },
      way: { type: 'string', default: 'json' },
    },
  })
  const { url, operation, way } = values
  if (url === undefined || !isOperation(operation) || !isWay(way)) throw new Error(usage)
  const order = {
    url,
    uploadWay: way,
    sizeBytes: Number(values.size),
    clients: Number(values.clients),
    maxMs: Number(values.seconds) * 1000,
    run: randomBytes(4).toString('hex'),
  }
  const count = Number(values.count ?? (operation === 'delete' ? 20_000 : 256))
  const stored = { first: 0, count: operation === 'upload' ? 0 : count }
  if (stored.count > 0) await runLoad({ ...order, ...unmeasured, stored, maxCount: stored.count })
  const maxCount = operation === 'upload' && values.count !== undefined ? count : Number.MAX_SAFE_INTEGER
  const result = await runLoad({ ...order, operation, maxCount, nextNumber: stored.count, stored })
  const { doneCount, seconds, p50Ms, p99Ms, clientUs } = result
  return {
    operation,
    sizeBytes: order.sizeBytes,
    clients: order.clients,
    doneCount,
    seconds: round(seconds, 3),
    ratePerSecond: round(doneCount / seconds, 1),
    p50Ms: round(p50Ms, 3),
    p99Ms: round(p99Ms, 3),
    clientUsPerOperation: round(clientUs / doneCount, 1),
  }
}

const unmeasured = { operation: 'upload', nextNumber: 0, maxMs: 600_000 } as const satisfies Partial<LoadOrder>

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}

try {
  console.log(JSON.stringify(await run()))
} catch (error) {
  console.error(error instanceof Error ? `load: ${error.message}` : error)
  process.exitCode = 1
}
