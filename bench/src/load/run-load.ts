import { nameFile } from '../contents.ts'
import { HttpConnection } from './http-connection.ts'
import { type Exchange, Requests } from './requests.ts'

export type Operation = 'upload' | 'download' | 'delete' | 'mixed'

/** What a load process is to do. Everything in it survives JSON. */
export interface LoadOrder {
  readonly url: string
  readonly operation: Operation
  readonly sizeBytes: number
  readonly clients: number
  /** It ends at whichever comes first. The requests under way are waited for, and count. */
  readonly maxMs: number
  readonly maxCount: number
  /** Files are named by run and number. */
  readonly run: string
  /** The first number that no file has. */
  readonly nextNumber: number
  /** The files that are there to be downloaded, or to be deleted: by numbers. */
  readonly stored: { readonly first: number; readonly count: number }
}

export interface LoadResult {
  readonly doneCount: number
  /** How many files it made. */
  readonly uploadCount: number
  readonly deleteCount: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** CPU of the load process itself. */
  readonly clientUs: number
}

/** Downloads go through all files, neighbours far apart: a prime. */
const STRIDE = 1_000_003
/** Ten in a row of a mixed load: 60 % download, 30 % upload, 10 % delete. */
const mix = [
  'download',
  'upload',
  'download',
  'download',
  'upload',
  'download',
  'delete',
  'download',
  'upload',
  'download',
] as const

/** @throws at the first answer that is not the wanted one. */
export async function runLoad(order: LoadOrder): Promise<LoadResult> {
  const url = new URL(order.url)
  const next = exchangesOf(order, new Requests(url))
  const connections = Array.from({ length: order.clients }, () => new HttpConnection(url))
  const latencies: number[] = []
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  let begunCount = 0
  const client = async (connection: HttpConnection): Promise<void> => {
    while (begunCount < order.maxCount) {
      const sentAt = performance.now()
      if (sentAt - startedAt >= order.maxMs) return
      const exchange = next.take()
      if (exchange === null) return
      begunCount += 1
      await connection.exchange(exchange.request, exchange.wanted)
      exchange.done?.()
      latencies.push(performance.now() - sentAt)
    }
  }
  try {
    await Promise.all(connections.map(client))
  } finally {
    for (const connection of connections) connection.close()
  }
  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return {
    ...percentiles(latencies),
    uploadCount: next.uploadCount,
    deleteCount: next.deleteCount,
    seconds,
    clientUs: user + system,
  }
}

function percentiles(latencies: number[]): Pick<LoadResult, 'doneCount' | 'p50Ms' | 'p99Ms'> {
  const sorted = Float64Array.from(latencies).sort()
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { doneCount: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) }
}

interface Exchanges {
  readonly uploadCount: number
  readonly deleteCount: number
  /** @returns null when there is nothing left to do. */
  take(): (Exchange & { readonly done?: () => void }) | null
}

function exchangesOf(order: LoadOrder, requests: Requests): Exchanges {
  const fileOf = (number: number) => nameFile(order.run, order.sizeBytes, number)
  const { first, count } = order.stored
  let uploadCount = 0
  let downloadCount = 0
  let deleteCount = 0
  let mixCount = 0
  const upload = () => requests.upload(fileOf(order.nextNumber + uploadCount++))
  const remove = (number: number) => {
    deleteCount += 1
    return requests.remove(fileOf(number))
  }
  const download = () => requests.download(fileOf(first + ((downloadCount++ * STRIDE) % count)))
  if (order.operation === 'download' && count === 0) throw new Error('no file is there to be downloaded')
  /** What a mixed load may delete: acknowledged, and its own, so that downloads find theirs. */
  const deletable: number[] = []
  const mixed = (): ReturnType<Exchanges['take']> => {
    const kind = mix[mixCount++ % mix.length]
    if (kind === 'download') return download()
    const doomed = kind === 'delete' ? deletable.shift() : undefined
    if (doomed !== undefined) return remove(doomed)
    const number = order.nextNumber + uploadCount
    return { ...upload(), done: () => deletable.push(number) }
  }
  const takes: Record<Operation, Exchanges['take']> = {
    upload,
    download,
    delete: () => (deleteCount < count ? remove(first + deleteCount) : null),
    mixed,
  }
  return {
    take: takes[order.operation],
    get uploadCount() {
      return uploadCount
    },
    get deleteCount() {
      return deleteCount
    },
  }
}
