import type { Progress } from '../progress.ts'

/**
 * Tells of each progress whether nothing has come for longer than the patience. What is hashed is not loaded: the loading
 * may begin with fewer bytes than were hashed before it.
 */
export function stallJudge(patienceMs: number, begunAt: number): (progress: Progress, now: number) => boolean {
  let mostBytes = -1
  let movedAt = begunAt
  return ({ doneBytes, peers }, now) => {
    const isHashing = peers === null
    if (isHashing || doneBytes > mostBytes) movedAt = now
    mostBytes = isHashing ? -1 : Math.max(mostBytes, doneBytes)
    return now - movedAt > patienceMs
  }
}
