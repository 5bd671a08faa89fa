/** Works on all items in their order, so many at once. After a failure nothing more is begun. @throws the first failure */
export async function eachAtOnce<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = items.values()
  let hasFailed = false
  const workAll = async (): Promise<void> => {
    for (const item of left) {
      if (hasFailed) return
      await work(item).catch((error: unknown) => {
        hasFailed = true
        throw error
      })
    }
  }
  const outcomes = await Promise.allSettled(Array.from({ length: Math.min(atOnce, items.length) }, workAll))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}
