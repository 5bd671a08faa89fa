const KEY = 'holdfast.interrupted'
const NAMED = 3

/** A page that is left cannot go on sending, and the next one may not read the files again: it can only say so. */
export function noteInterrupted(storage: Storage, names: readonly string[]): void {
  if (names.length === 0) storage.removeItem(KEY)
  else storage.setItem(KEY, JSON.stringify({ count: names.length, names: names.slice(0, NAMED) }))
}

/** @returns a sentence about what the page before had not finished, once */
export function takeInterrupted(storage: Storage): string | null {
  const text = storage.getItem(KEY)
  storage.removeItem(KEY)
  try {
    const { count, names } = JSON.parse(text ?? 'null') as { count: number; names: string[] }
    const more = count > names.length ? ` and ${count - names.length} more` : ''
    return `Not uploaded, because the page was left: ${names.join(', ')}${more}. Choose ${count === 1 ? 'it' : 'them'} again.`
  } catch {
    return null
  }
}
