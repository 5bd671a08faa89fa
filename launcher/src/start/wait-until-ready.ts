import { get } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { StartError } from '@holdfast/shared/node/run-service'
import { parseJson } from '@holdfast/shared/parse-json'

const POLL_MS = 100
const REQUEST_MS = 3_000

export interface ReadyOptions {
  readonly managerUrl: string
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/**
 * Waits until the manager answers `/health`, although it may still lack file-servers, or `/ready`: it can serve files.
 * @throws StartError after the deadline.
 */
export async function waitUntilOk(
  path: '/health' | '/ready',
  { managerUrl, deadlineMs, signal }: ReadyOptions,
): Promise<void> {
  const isOk = await poll(deadlineMs, signal, async () => (await ask(managerUrl + path, signal)) !== null)
  if (!isOk) throw new StartError(`The manager was not ready after ${deadlineMs / 1000} s.`)
}

/** @returns how many file-servers were connected in the end, which is fewer than wanted only after the deadline. */
export async function waitForFileServers(
  count: number,
  { managerUrl, deadlineMs, signal }: ReadyOptions,
): Promise<number> {
  let connected = 0
  await poll(deadlineMs, signal, async () => {
    const nodes = parseJson((await ask(`${managerUrl}/active-nodes`, signal)) ?? '')
    connected = Array.isArray(nodes) ? nodes.length : 0
    return connected >= count
  })
  return connected
}

async function poll(deadlineMs: number, signal: AbortSignal, isDone: () => Promise<boolean>): Promise<boolean> {
  const endsAt = performance.now() + deadlineMs
  while (performance.now() < endsAt) {
    signal.throwIfAborted()
    if (await isDone()) return true
    await delay(POLL_MS, undefined, { signal })
  }
  return false
}

/**
 * fetch would not do, because it refuses some ports and obeys proxy settings. @returns the body of a 200, else null.
 */
async function ask(url: string, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const giveUp = (): void => resolve(null)
    const request = get(url, { agent: false, signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]) })
    request.once('error', giveUp)
    request.once('response', (response) => {
      text(response).then((body) => resolve(response.statusCode === 200 ? body : null), giveUp)
    })
  })
}
