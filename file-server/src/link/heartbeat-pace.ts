import { HEARTBEAT_CHANGE_MS, HEARTBEAT_INTERVAL_MS } from '@holdfast/shared/wire/protocol'
import type { Heartbeat } from '@holdfast/shared/wire/shapes'
import type { Store } from '../store/store.ts'

/**
 * When a heartbeat is sent: regularly, and soon after a change, so that all managers, of which each knows only what it did
 * itself, tell the same numbers. Once more after the last change, for one may have gone out before the ack of what it counts.
 */
export class HeartbeatPace {
  #sentAtMs = Number.NEGATIVE_INFINITY
  #sent: Heartbeat | null = null
  #hasChanged = false

  /** Asked every HEARTBEAT_CHANGE_MS. @returns whether this one is to be sent */
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

/** Free space changes by itself. */
function isSame(one: Heartbeat, other: Heartbeat): boolean {
  return (
    one.fileCount === other.fileCount &&
    one.sizeBytes === other.sizeBytes &&
    one.isInventoryDone === other.isInventoryDone &&
    one.isWritable === other.isWritable
  )
}
