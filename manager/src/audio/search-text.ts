const MAX_WORDS = 64
const MAX_WORD_LENGTH = 40
const MAX_KEY_LENGTH = 200

/** Texts that differ only in case, accents or width are the same to a search. */
export function foldText(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .trim()
    .slice(0, MAX_KEY_LENGTH)
    .toWellFormed()
}

/** @returns the different words of these texts, folded */
export function wordsOf(texts: readonly string[]): string[] {
  const words = texts.flatMap((text) => foldText(text).match(/[\p{L}\p{N}]+/gu) ?? [])
  return [...new Set(words.map((word) => word.slice(0, MAX_WORD_LENGTH).toWellFormed()))].slice(0, MAX_WORDS)
}
