import { expect, test } from 'vitest'
import { splitWords } from '../../src/cli/split-words.ts'

test.each([
  ['upload a b', ['upload', 'a', 'b']],
  ['  upload   "my film.mp4"  x.json ', ['upload', 'my film.mp4', 'x.json']],
  [`a 'it"s' "it's" b\\ c`, ['a', 'it"s', "it's", 'b c']],
  ['"" a', ['', 'a']],
  ['', []],
])('%j is %j', (line, words) => expect(splitWords(line)).toEqual(words))

test('a quote that is not closed is refused', () => expect(() => splitWords('a "b')).toThrow('a " is missing'))
