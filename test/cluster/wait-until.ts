import { setTimeout as delay } from 'node:timers/promises'

/** Asks again and again until the claim holds. @throws with the last answer where it does not in time */
export async function waitUntil(claim: string, holds: () => unknown, deadlineMs = 60_000): Promise<void> {
  const endAt = performance.now() + deadlineMs
  let last: unknown
  for (;;) {
    try {
      last = await holds()
      if (last === true) return
    } catch (error) {
      last = error
    }
    if (performance.now() > endAt) {
      const seen = last instanceof Error ? last.message : JSON.stringify(last)
      throw new Error(`not within ${deadlineMs} ms: ${claim} (last: ${seen})`)
    }
    await delay(25)
  }
}
