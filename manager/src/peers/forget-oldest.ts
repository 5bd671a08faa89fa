/**
 * Keeps a map within a bound by deleting its first entries, a tenth of them at once: what was deleted leaves gaps in a map
 * until it grows, and whoever looks for the first entry has to walk over all that are before it.
 */
export function forgetOldest<Key>(map: Map<Key, unknown>, most: number): void {
  if (map.size <= most) return
  const kept = most - Math.floor(most / 10)
  for (const key of map.keys()) {
    if (map.size <= kept) return
    map.delete(key)
  }
}
