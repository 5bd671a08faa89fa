import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planSearch, type SearchPlan, termsOf, wordsOf } from '../../../src/peers/users/search-terms.ts'

const track = { song: 'Für Élise', artist: 'Ludwig van Beethoven', album: "Piano's best (vol. 2)", year: 1810 }

/** Does what the database does with a plan. */
function matches(plan: SearchPlan, terms: readonly string[]): boolean {
  return plan.every((anyOf) =>
    anyOf.some((condition) =>
      'exact' in condition
        ? terms.includes(condition.exact)
        : terms.some((term) => term.startsWith(condition.beginning)),
    ),
  )
}

test('words are compared without case, accents and punctuation', () => {
  expect(wordsOf("  Für ÉLISE—don't! 東京 für")).toEqual(['fur', 'elise', 'don', 't', '東京'])
  expect(wordsOf('w '.repeat(100).concat(Array.from({ length: 100 }, (_, n) => `x${n}`).join(' ')))).toHaveLength(16)
})

test.each([
  [{ song: 'elise' }, true],
  [{ song: 'ELI' }, true],
  [{ song: 'e fü' }, true],
  [{ song: 'lise' }, false],
  [{ song: 'beethoven' }, false],
  [{ artist: 'beethoven' }, true],
  [{ artist: 'beethovens' }, false],
  [{ artist: 'beethove', song: 'elise', year: 1810 }, true],
  [{ artist: 'beethove', song: 'elise', year: 1811 }, false],
  [{ q: 'van pian 1810' }, true],
  [{ q: 'van pian 181' }, false],
  [{ album: 's vol 2' }, true],
])('the track is found by %j: %s', (wish, expected) => {
  const plan = planSearch(wish)
  expect(plan !== null && matches(plan, termsOf(track))).toBe(expected)
})

test('there is nothing to search for without a word', () => {
  expect(planSearch({})).toBeNull()
  expect(planSearch({ song: ' !? ', q: '' })).toBeNull()
})

test('every beginning of every word finds the track', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.nat(), (song, place) => {
      const words = wordsOf(song)
      const word = words[place % Math.max(words.length, 1)]
      if (word === undefined) return
      const beginning = [...word].slice(0, 1 + (place % [...word].length)).join('')
      const plan = planSearch({ song: beginning })
      expect(plan !== null && matches(plan, termsOf({ song, artist: '', album: '', year: null }))).toBe(true)
    }),
  )
})
