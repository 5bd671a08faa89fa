/** Gives a number from 0 to below 1. */
export type Random = () => number

/** These are the commonest words of titles, the commonest first (after the titles of MusicBrainz). */
export const commonWords = [
  ...['the', 'you', 'a', 'of', 'love', 'in', 'me', 'and', 'to', 'i', 'my', 'it', 'on', 'no', 'for', 'is', 'be', 'all'],
  ...['your', 'time', 'night', 'life', 'one', 'from', 'heart', 'with', 'this', 'day', 'world', 'down', 'what', 'up'],
  ...['baby', 'blues', 'dance', 'go', 'man', 'good', 'song', 'never', 'home', 'girl', 'little', 'get', 'black', 'blue'],
  ...['live', 'light', 'new', 'out', 'just', 'dream', 'rain', 'when', 'come', 'fire', 'back', 'away', 'sun', 'eyes'],
] as const

const syllables = [
  ...['ba', 'be', 'bo', 'ca', 'ce', 'co', 'da', 'de', 'di', 'do', 'el', 'en', 'er', 'fa', 'fi', 'ga', 'gi', 'go', 'ha'],
  ...['he', 'in', 'ka', 'ki', 'la', 'le', 'li', 'lo', 'ma', 'me', 'mi', 'mo', 'na', 'ne', 'ni', 'no', 'on', 'or', 'pa'],
  ...[
    'pe',
    'po',
    'ra',
    're',
    'ri',
    'ro',
    'sa',
    'se',
    'shi',
    'so',
    'ta',
    'te',
    'ti',
    'to',
    'tra',
    'va',
    've',
    'vi',
    'wa',
  ],
] as const

/** Titles and names have this many other words. */
export const RARE_WORDS = 40_000

/** @returns the same numbers for the same seed (mulberry32) */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** @returns a word of two to four syllables, the same for the same number */
export function rareWord(number: number): string {
  const random = randomFrom(number * 7_919 + 1)
  const length = 2 + Math.floor(random() * 3)
  return Array.from({ length }, () => syllables[Math.floor(random() * syllables.length)]).join('')
}

/** @returns a word as often as Zipf's law has it: about half of all are among the common ones */
export function anyWord(random: Random): string {
  const count = commonWords.length + RARE_WORDS
  const rank = Math.floor(count ** random()) - 1
  return commonWords[rank] ?? rareWord(rank - commonWords.length)
}
