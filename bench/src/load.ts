import { Agent } from 'node:http'

export interface LoadResult {
  readonly doneCount: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Work that `clients` do again and again, each with one request under way. */
export type Work = (agent: Agent) => Promise<void>

/** @param limit ends at whichever comes first. The last requests are waited for, and count. */
export async function runLoad(clients: number, limit: { ms: number; count: number }, work: Work): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const latencies: number[] = []
  const startedAt = performance.now()
  let begunCount = 0
  const client = async (): Promise<void> => {
    while (begunCount < limit.count && performance.now() - startedAt < limit.ms) {
      begunCount += 1
      const sentAt = performance.now()
      await work(agent)
      latencies.push(performance.now() - sentAt)
    }
  }
  try {
    await Promise.all(Array.from({ length: clients }, client))
  } finally {
    agent.destroy()
  }
  const seconds = (performance.now() - startedAt) / 1000
  latencies.sort((a, b) => a - b)
  const percentile = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return { doneCount: latencies.length, seconds, p50Ms: percentile(0.5), p99Ms: percentile(0.99) }
}
