import { setTimeout as delay } from 'node:timers/promises'
import { StartError } from '@holdfast/shared/node/run-service'
import { tryPort } from '../mongod/free-port.ts'

const POLL_MS = 200

/** @returns the address at which processes of this machine reach the manager. */
export function managerUrl(host: string, port: number): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`
  if (host === '::') return `http://[::1]:${port}`
  return host.includes(':') ? `http://[${host}]:${port}` : `http://${host}:${port}`
}

/**
 * @param patienceMs is how long a taken port may take to become free, because the processes of a killed start need a
 * moment.
 * @returns the port, or a free one where 0 is wanted. @throws StartError
 */
export async function claimPort(host: string, port: number, patienceMs: number, signal: AbortSignal): Promise<number> {
  const endsAt = performance.now() + patienceMs
  for (;;) {
    const free = await tryPort(host, port).catch((error: unknown) => {
      throw new StartError(
        `HOST=${host}, PORT=${port}: cannot listen there (${error instanceof Error ? error.message : String(error)}).`,
      )
    })
    if (free !== null) return free
    if (performance.now() >= endsAt) {
      throw new StartError(
        `Port ${port} on ${host} is taken by another process: end it, or choose another one: npm start -- --port ${port + 1}`,
      )
    }
    await delay(POLL_MS, undefined, { signal })
  }
}
