import { HEARTBEAT_CHANGE_MS, HEARTBEAT_INTERVAL_MS } from '@holdfast/shared/wire/protocol'
import type { Heartbeat } from '@holdfast/shared/wire/shapes'
import type { Store } from '../store/store.ts'

/**
 * Each manager knows only what it did itself, so heartbeats go out soon after a change, and all managers tell the same
 * numbers. One more follows the last change, because an earlier one may have gone out before the ack of what it counts.
 */
export class HeartbeatPace {
  #sentAtMs = Number.NEGATIVE_INFINITY
  #sent: Heartbeat | null = null
  #hasChanged = false

  /** Is asked every HEARTBEAT_CHANGE_MS. @returns whether this heartbeat is due */
  isDue(heartbeat: Heartbeat, nowMs: number): boolean {
    const hasChanged = this.#sent === null || !isSame(this.#sent, heartbeat)
    const isDue = hasChanged || this.#hasChanged || nowMs - this.#sentAtMs >= HEARTBEAT_INTERVAL_MS
    if (isDue) {
      this.#hasChanged = hasChanged
      this.#sent = heartbeat
      this.#sentAtMs = nowMs
    }
    return isDue
  }
}

/** Sends heartbeats until the timer is cleared. */
export function startHeartbeats(store: Store, send: (heartbeat: Heartbeat) => void): NodeJS.Timeout {
  const pace = new HeartbeatPace()
  return setInterval(() => {
    const heartbeat = store.status()
    if (pace.isDue(heartbeat, performance.now())) send(heartbeat)
  }, HEARTBEAT_CHANGE_MS)
}

/** Free space changes by itself, so it does not count as a change. */
function isSame(one: Heartbeat, other: Heartbeat): boolean {
  return (
    one.copyCount === other.copyCount &&
    one.sizeBytes === other.sizeBytes &&
    one.isInventoryDone === other.isInventoryDone &&
    one.isWritable === other.isWritable
  )
}
