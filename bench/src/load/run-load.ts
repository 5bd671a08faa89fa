import { nameFile } from '../contents.ts'
import { HttpConnection } from './http-connection.ts'
import { type Exchange, Requests, type UploadWay } from './requests.ts'

export type Operation = 'upload' | 'download' | 'delete' | 'mixed'

/** Tells a load process what to do. Everything in it survives JSON. */
export interface LoadOrder {
  readonly url: string
  readonly operation: Operation
  readonly uploadWay: UploadWay
  readonly sizeBytes: number
  readonly clients: number
  /** The load ends at `maxMs` or `maxCount`, whichever comes first. Requests under way then are waited for, and count. */
  readonly maxMs: number
  readonly maxCount: number
  /** The names of files begin with it. */
  readonly run: string
  /** This is the lowest number that no file has had. */
  readonly nextNumber: number
  /** These are the numbers of files that are there to be downloaded or deleted. */
  readonly stored: { readonly first: number; readonly count: number }
}

export interface LoadResult {
  readonly doneCount: number
  /** Counts the files that the load made. */
  readonly uploadCount: number
  readonly deleteCount: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Tells how much CPU the load process itself used. */
  readonly clientUs: number
}

/** Downloads go through all files in steps of this prime, so that neighbours are far apart. */
const STRIDE = 1_000_003
/** A mixed load repeats these ten operations: 60 % downloads, 30 % uploads, 10 % deletes. */
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

/** @throws at the first answer that is not the wanted one */
export async function runLoad(order: LoadOrder): Promise<LoadResult> {
  const url = new URL(order.url)
  const next = exchangesOf(order, new Requests(url, order.uploadWay))
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

export function percentiles(latencies: readonly number[]): Pick<LoadResult, 'doneCount' | 'p50Ms' | 'p99Ms'> {
  const sorted = Float64Array.from(latencies).sort()
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { doneCount: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) }
}

interface Exchanges {
  readonly uploadCount: number
  readonly deleteCount: number
  /** @returns null when there is nothing left to do */
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
  /** A mixed load deletes only files that it made itself and that were acknowledged, so that downloads find theirs. */
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
