import { decodeFileNamePath, parseFileName } from '@holdfast/shared/file-name'
import { bodiless, type Expected, type HostileInput, post } from './client.ts'
import type { Random } from './random.ts'

// biome-ignore format: a table
const corpus: readonly [string, ...string[]] = [
  '..', '.', '../..', '../../etc/passwd', '..\\..\\boot.ini', '/', '//', '/etc/passwd', '/abs', 'C:\\x', '\\\\host\\share',
  '....//', '．．／', '‥/', 'a/../b', 'a/./b', 'a//b', '%2e%2e%2f', '%252e%252e%252f', '%00', '%', '%%', '%zz', '%u002e',
  'x\0', '\0', 'x\0.txt', 'a\nb', 'a\r\nX-Evil: 1', 'a\tb', '\u001b[2J', '\u007f', '\u0085', '\u2028', '\u2029',
  'a\u202egpj.exe', '\u202a', '\u2066x\u2069', '\u200f', '\u061c', '\ufeffx', 'x\ufeff', '\ud800', 'x\udfff', '\udc00\ud800',
  '\ufffe', '\uffff', '\ufffd', '\u{10ffff}', 'CON', 'nul.txt', 'aux', 'COM1', '-rf', '--', '.hidden', 'dot.', 'space ',
  ' space', ' ', '~', '~root', '$(id)', '`id`', ';id', '|id', '&', '&&', '*', '?', '#', '#x', '?x', 'a?b', 'a#b', '"', "'",
  '<script>alert(1)</script>.html', '"><img src=x>', '{{7*7}}', '#{7*7}', '__proto__', 'constructor', 'prototype',
  'hasOwnProperty', 'toString', '$where', '$ne', '{"$gt":""}', 'a.b.c', '$', '.$', 'state', '_id', 'null', 'undefined', 'NaN',
  'true', '[object Object]', "' OR 1=1--", 'é', 'e\u0301', '\u1100\u1161\u11a8', '\u0344', '\u{1d160}', '👩‍👩‍👧‍👦', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '\u0300',
  '\u0300'.repeat(120), '\u0958'.repeat(80), 'ﷺ', 'ﷺ'.repeat(60), 'İ', 'ß', 'ﬀ', '\u200b', '\u00ad', '\u3000', '\u00a0', '\u180e',
  'a'.repeat(255), 'a'.repeat(256), 'a'.repeat(4_000), 'é'.repeat(127), 'é'.repeat(128), '€'.repeat(85), '€'.repeat(86),
  '/'.repeat(255), '../'.repeat(85), '%2f'.repeat(100), '\u{1f600}'.repeat(63), '\u{1f600}'.repeat(64), '', '%20', '+', 'a+b',
]

// biome-ignore format: a table
const odd: readonly [string, ...string[]] = [
  '..', '/', '\\', '%', '\0', '\n', '\u202e', '\ud83d', '\ude00', '\u0301', 'é', '€', '😀', '.', ' ', '"', '<', '$', '?', '#', 'a', 'Z', '9',
]

// biome-ignore format: a table
const escapes: readonly [string, ...string[]] = [
  '%', '%%', '%0', '%00', '%2', '%2F', '%2f', '%5c', '%2e', '%25', '%252f', '%zz', '%g0', '%0g', '%u0041', '%C0%AF', '%c0%80',
  '%E0%80%AF', '%F0%80%80%AF', '%ED%A0%80', '%ED%B0%80', '%F4%90%80%80', '%FF', '%FE%FF', '%80', '%C3', '%C3%28', '%E2%82',
  '%E2%80%AE', '%EF%BB%BF', '%0d%0a', '%7f', '%C2%85', '%20', '%c3%a9', 'a', '/', '.', '..', '~', '&', '+', '=', ';', ',', '@', ':',
]

/** Writes every byte of the text's UTF-8 as an escape, and lone surrogates as the three bytes that UTF-8 forbids. */
function escapeAll(text: string): string {
  return [...text]
    .map((character) => {
      const point = character.codePointAt(0) ?? 0
      const bytes =
        point >= 0xd800 && point <= 0xdfff
          ? Buffer.from([0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f)])
          : Buffer.from(character)
      return [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
    })
    .join('')
}

function isName(parse: () => unknown): boolean {
  try {
    parse()
    return true
  } catch {
    return false
  }
}

function expectedOf(given: string): Expected {
  // Spaces before the version belong to the request line.
  const path = given.replace(/ +$/, '')
  // HTTP does not allow these in a target, or everyone cuts them differently, so any refusal will do.
  if (/[\0-\x20\x7f]/.test(path)) return ['refused']
  // Node's own parser takes ASCII only, and a fragment has no place in a request.
  if (/[\x80-\xff]/.test(path) || path.includes('#')) return [400]
  const raw = path.replace(/\?.*$/s, '')
  if (raw === '') return [404, 405]
  if (!isName(() => decodeFileNamePath(raw))) return [400]
  return [200, 404]
}

/** Makes names in paths, escaped or raw, and in bodies. A legal one may be found, because some are stored here too. */
export function hostileNames(random: Random, count: number): HostileInput[] {
  const names = [...corpus]
  while (names.length < count / 6)
    names.push(Array.from({ length: 1 + random.int(12) }, () => random.pick(odd)).join(''))
  const inputs: HostileInput[] = []
  const addPath = (path: string): void => {
    const method = random.pick(['GET', 'HEAD', 'DELETE'])
    const expected = expectedOf(path)
    inputs.push({ what: `${method} /file/${path}`, bytes: bodiless(method, `/file/${path}`), expected })
  }
  for (const name of names) {
    addPath(escapeAll(name))
    addPath(Buffer.from(name).toString('latin1'))
    const isLegal = isName(() => parseFileName(name))
    const bytes = post(JSON.stringify({ filename: name, file: 'aGk=' }), 'application/json')
    const legal = { expected: [201, 409], stores: Buffer.from('hi') } as const
    inputs.push({ what: `POST ${JSON.stringify(name)}`, bytes, ...(isLegal ? legal : { expected: [400] }) })
  }
  while (inputs.length < count) {
    if (random.int(4) === 0) addPath(random.bytes(1 + random.int(40)).toString('latin1'))
    else addPath(Array.from({ length: 1 + random.int(6) }, () => random.pick(escapes)).join(''))
  }
  return inputs
}
