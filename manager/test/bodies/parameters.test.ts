import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fileNameIn, parseParameters } from '../../src/bodies/parameters.ts'

const latin1 = (text: string): string => Buffer.from(text).toString('latin1')
const nameIn = (list: string): string | null => {
  const parameters = parseParameters(latin1(`form-data; name="file"; ${list}`))
  if (parameters === null) throw new Error('the header cannot be read')
  return fileNameIn(parameters)
}

test.each([
  ['what browsers make of a quote', 'filename="a%22b.txt"', 'a"b.txt'],
  ['of line breaks', 'filename="a%0D%0Ab"', 'a\r\nb'],
  ['of other escapes, which are none', 'filename="100%25%41%0d%0a%2F.txt"', '100%25%41%0d%0a%2F.txt'],
  ['of a backslash', String.raw`filename="C:\a\\b\c"`, String.raw`C:\a\\b\c`],
  ['of a backslash before the end', String.raw`filename="a\"`, 'a\\'],
  ['of a semicolon', 'filename="a; filename=b"', 'a; filename=b'],
  ['of other alphabets', 'filename="\u00fc\u4e2d\u{1f600}.txt"', '\u00fc\u4e2d\u{1f600}.txt'],
  ['of spaces', 'filename="  a  b "', '  a  b '],
  ['of no name', 'filename=""', ''],
  ['curl --form-escape of a quote', String.raw`filename="a\"b"`, 'a"b'],
  ['of both', String.raw`filename="a\"b\\c%22"`, String.raw`a"b\c%22`],
  ['of a quote and a semicolon', String.raw`filename="a\";b"; x=y`, 'a";b'],
  ['a token', 'filename=a.txt', 'a.txt'],
  ['a token, where nothing is decoded', 'filename=a%22b ; x=y', 'a%22b'],
  ['other case and spaces', ' FileName = "a" ;', 'a'],
  ['filename* after filename', `filename="x"; filename*=UTF-8''%c3%bc%2Fb`, '\u00fc/b'],
  ['filename* before filename', `filename*=utf-8'de'%E4%B8%AD; filename="x"`, '\u4e2d'],
  ['filename* alone', `filename*=UTF-8''a`, 'a'],
  ['filename* in quotes', `filename*="UTF-8''a%20b"; filename=x`, 'a b'],
  ['neither', 'x=y', null],
])('reads %s', (_, list, expected) => {
  expect(nameIn(list)).toBe(expected)
})

test.each([
  ['another charset', "filename*=iso-8859-1''%fc"],
  ['no charset', 'filename*=a'],
  ['a bad escape', "filename*=UTF-8''%zz"],
  ['half an escape', "filename*=UTF-8''%c"],
  ['what is not UTF-8', "filename*=UTF-8''%ff"],
  ['an overlong form', "filename*=UTF-8''%c0%af"],
])('refuses a filename* of %s, also beside a filename', (_, list) => {
  expect(() => nameIn(`${list}; filename=x`)).toThrow(expect.objectContaining({ name: 'INVALID_REQUEST' }))
})

test('refuses a filename that is not UTF-8', () => {
  const parameters = parseParameters('form-data; filename="\xff"')
  expect(() => fileNameIn(parameters ?? new Map())).toThrow(expect.objectContaining({ name: 'INVALID_REQUEST' }))
})

test.each([
  ['one given twice', 'form-data; filename="a"; filename="b"'],
  ['one given twice in other case', 'form-data; filename=a; FILENAME=b'],
  ['no end of its quotes', 'form-data; filename="a'],
  ['something after its quotes', 'form-data; filename="a"b'],
  ['no value', 'form-data; filename'],
  ['no name', 'form-data; ="a"'],
])('is null for a list with %s', (_, value) => {
  expect(parseParameters(value)).toBeNull()
})

test('a list as long as a header may be is read at once', () => {
  const before = process.cpuUsage()
  for (const piece of [' ', '\t;', '; a', '\\"', '"', '; a="\\"', '%22', ';a= '])
    parseParameters(`form-data; filename="${piece.repeat(8_000)}`)
  expect(process.cpuUsage(before).user).toBeLessThan(1_000_000)
})

test('reads any name as browsers and as curl --form-escape write it', () => {
  const asBrowser = (name: string): string =>
    name.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22')
  // Browsers escape some of a name, so one that holds such an escape itself cannot be told from the name that it stands for.
  const names = fc.string({ unit: 'grapheme' }).filter((name) => !/%(22|0D|0A)/.test(name))
  const property = fc.property(names, (name) => {
    expect(nameIn(`filename="${asBrowser(name)}"`)).toBe(name)
    const escaped = name.replace(/["\\]/g, '\\$&')
    if (name.includes('"')) expect(nameIn(`filename="${escaped}"`)).toBe(name)
    const extended = encodeURIComponent(name).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)
    expect(nameIn(`filename*=UTF-8''${extended}; filename="x"`)).toBe(name)
  })
  fc.assert(property, { numRuns: 1_000 })
})
