/** Tells how far a file is that is loaded, or hashed. */
export interface Progress {
  readonly doneBytes: number
  readonly totalBytes: number
  readonly bytesPerSecond: number
  /** So many are connected; it is null where the file is hashed, which needs nobody. */
  readonly peers: number | null
  /** It is null while nothing arrives. */
  readonly secondsLeft: number | null
}

const SHOWN_EVERY_MS = 200

/** @returns what hears how many bytes are hashed, and tells it now and then @param onProgress is told nothing of what is done at once */
export function hashingProgress(
  totalBytes: number,
  onProgress: (progress: Progress) => void,
  now = () => performance.now(),
): (doneBytes: number) => void {
  const begunAt = now()
  let toldAt = begunAt
  return (doneBytes) => {
    if (now() - toldAt < SHOWN_EVERY_MS) return
    toldAt = now()
    const bytesPerSecond = (1_000 * doneBytes) / (toldAt - begunAt)
    const secondsLeft = bytesPerSecond === 0 ? null : (totalBytes - doneBytes) / bytesPerSecond
    onProgress({ doneBytes, totalBytes, bytesPerSecond, peers: null, secondsLeft })
  }
}
