import { expect, test, vi } from 'vitest'
import { uploadInline, useFileServer } from './link-fixture.ts'
import type { Dialled, ScriptedManager } from './scripted-manager.ts'
import { challengeFor } from './scripted-manager.ts'

const { link, startManager } = useFileServer()

/** Behaves like an address that several managers share: it tells theirs, and ends. */
async function refer(on: Dialled, managerId: string, managers: readonly string[]): Promise<void> {
  await on.call('challenge', challengeFor(on.hello, { managerId }).challenge)
  await on.call('welcome', { managers, isReferral: true })
  on.socket.disconnect(true)
}

const first = 'a1'.repeat(8)
const second = 'b2'.repeat(8)

async function startReferred(): Promise<{ shared: ScriptedManager; workers: ScriptedManager[] }> {
  const workers = [await startManager({ admits: false }), await startManager({ admits: false })]
  return { shared: await startManager({ admits: false }), workers }
}

test('a referral leads to every manager, each connected once, and is no connection itself', async () => {
  const { shared, workers } = await startReferred()
  const { links, log } = await link([shared.url])
  const urls = workers.map(({ url }) => url)
  await refer(await shared.connection(1), first, urls)
  for (const [index, worker] of workers.entries()) {
    const on = await worker.connection(1)
    await worker.admit(on, { managerId: index === 0 ? first : second, managers: urls })
    expect((await uploadInline(on, Buffer.from('bytes'))).sizeBytes).toBe(5)
  }
  expect(links.connectedCount).toBe(2)
  // A link that was never welcome is not reported when it ends.
  expect(log.find('manager disconnected')).toEqual([])
})

test('the shared address is dialled again when the manager that referred is gone', async () => {
  const { shared, workers } = await startReferred()
  const { links } = await link([shared.url])
  const [one, other] = workers
  await refer(await shared.connection(1), first, one === undefined ? [] : [one.url])
  await one?.admit(await one.connection(1), { managerId: first, managers: [one.url] })
  await vi.waitFor(() => expect(links.connectedCount).toBe(1), 5_000)
  await one?.[Symbol.asyncDispose]()
  await refer(await shared.connection(2), second, other === undefined ? [] : [other.url])
  await vi.waitFor(() => expect(other?.dialled).toHaveLength(1), 5_000)
})
