/** The terms of each field that can be searched begin with its letter. */
const letters = { song: 's', artist: 'a', album: 'b' } as const
type Field = keyof typeof letters
const fields = Object.keys(letters) as Field[]

const MAX_WORDS = 16
const MAX_WORD_LENGTH = 32
/** A shorter prefix is a term of its own, so that it is found without a look at all the words that begin with it. */
const LONGEST_EDGE = 4

/** A term names a prefix whole (`exact`), or the beginning of all the terms that are meant. */
export type Condition = { readonly exact: string } | { readonly beginning: string }

/** A search asks for all of these, each fulfilled by any one of its conditions. */
export type SearchPlan = readonly (readonly Condition[])[]

export interface SearchWish {
  readonly song?: string | undefined
  readonly artist?: string | undefined
  readonly album?: string | undefined
  readonly year?: number | undefined
  /** These words may be in any field. */
  readonly q?: string | undefined
}

/** @returns the words of a text in the form in which they are compared: without case, accents and punctuation */
export function wordsOf(text: string): string[] {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
  const words = plain.match(/[\p{L}\p{N}]+/gu) ?? []
  return [...new Set(words.map((word) => [...word].slice(0, MAX_WORD_LENGTH).join('')))].slice(0, MAX_WORDS)
}

/** @returns what an index has of a track: of each word its short prefixes, and the whole where it is longer */
export function termsOf(track: Readonly<Record<Field, string>> & { readonly year: number | null }): string[] {
  const terms = fields.flatMap((field) =>
    wordsOf(track[field]).flatMap((word) => {
      const characters = [...word]
      const edges = characters.slice(0, LONGEST_EDGE).map((_, last) => characters.slice(0, last + 1).join(''))
      return [...edges.map((edge) => `${letters[field]}${edge}`), ...(isLong(word) ? [wholeTerm(field, word)] : [])]
    }),
  )
  return [...new Set([...terms, ...(track.year === null ? [] : [yearTerm(track.year)])])]
}

/** @returns null where there is nothing in the wish that could be searched for */
export function planSearch(wish: SearchWish): SearchPlan | null {
  const plan = [
    ...fields.flatMap((field) => wordsOf(wish[field] ?? '').map((word) => [conditionOf(field, word)])),
    ...wordsOf(wish.q ?? '').map((word) => [
      ...fields.map((field) => conditionOf(field, word)),
      ...(/^\d{1,4}$/.test(word) ? [{ exact: yearTerm(Number(word)) }] : []),
    ]),
    ...(wish.year === undefined ? [] : [[{ exact: yearTerm(wish.year) }]]),
  ]
  return plan.length === 0 ? null : plan
}

function conditionOf(field: Field, word: string): Condition {
  return isLong(word) ? { beginning: wholeTerm(field, word) } : { exact: `${letters[field]}${word}` }
}

const isLong = (word: string): boolean => [...word].length > LONGEST_EDGE
const wholeTerm = (field: Field, word: string): string => `${letters[field].toUpperCase()}${word}`
const yearTerm = (year: number): string => `y${year}`
