import { PeerError } from '../peer-error.ts'

/** Cuts a line into words, as shells do: a text in quotes is one, and a backslash takes what follows as it is. */
export function splitWords(line: string): string[] {
  const words: string[] = []
  let word: string | null = null
  let quote = ''
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? ''
    if (character === '\\' && quote !== "'" && at + 1 < line.length) {
      at += 1
      word = (word ?? '') + line[at]
    } else if (quote === '' && (character === '"' || character === "'")) {
      quote = character
      word ??= ''
    } else if (character === quote) quote = ''
    else if (quote === '' && /\s/.test(character)) {
      if (word !== null) words.push(word)
      word = null
    } else word = (word ?? '') + character
  }
  if (quote !== '') throw new PeerError(`a ${quote} is missing at the end`)
  return word === null ? words : [...words, word]
}
