import type { Progress } from '../progress.ts'

/**
 * Tells of each progress whether nothing has come for longer than the patience. What is hashed is not loaded: the loading
 * may begin with fewer bytes than were hashed before it.
 */
export function stallJudge(
  patienceMs: number,
  begunAt: number,
): (progress: Pick<Progress, 'doneBytes' | 'peers'>, arrivingBytes: number, now: number) => boolean {
  let mostDone = -1
  let mostArrived = -1
  let movedAt = begunAt
  return ({ doneBytes, peers }, arrivingBytes, now) => {
    const isHashing = peers === null
    // A web seed that breaks off at the same place again and again brings no more than it has brought.
    const arrived = doneBytes + arrivingBytes
    if (isHashing || doneBytes > mostDone || arrived > mostArrived) movedAt = now
    mostDone = isHashing ? -1 : Math.max(mostDone, doneBytes)
    mostArrived = isHashing ? -1 : Math.max(mostArrived, arrived)
    return now - movedAt > patienceMs
  }
}
