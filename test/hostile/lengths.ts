import type { Expected, HostileInput } from './client.ts'
import type { Random } from './random.ts'

const refused: Expected = ['refused']
const body = '{"filename":"head/x","file":"aGk="}'
const JSON_TYPE = 'Content-Type: application/json'

/** The text is sent as it is. Unless the answer is due while more could come, the client ends its side. */
export const raw = (what: string, text: string, expected: Expected = refused, isCutOff = true): HostileInput => ({
  what,
  bytes: Buffer.from(text, 'latin1'),
  expected,
  isCutOff,
})

function upload(headers: readonly string[], sent: string): string {
  return `${['POST /file HTTP/1.1', 'Host: 127.0.0.1', JSON_TYPE, ...headers].join('\r\n')}\r\n\r\n${sent}`
}

/** These lengths lie, are given twice, or contradict the transfer encoding (request smuggling). */
export function hostileLengths(random: Random): HostileInput[] {
  const lengths = [
    '',
    '-1',
    '+35',
    '35.0',
    '0x23',
    '3 5',
    '35, 36',
    '35,35',
    '1e2',
    'NaN',
    '99999999999999999999',
    '9007199254740993',
    ' ',
    'x',
    '٣٥',
  ]
  const encodings = [
    'chunked',
    'Chunked',
    'chunked, chunked',
    'gzip',
    'identity',
    'chunked, gzip',
    'gzip, chunked',
    'xchunked',
    ' chunked',
    'chunked\x0b',
    '"chunked"',
    '',
  ]
  const sizes = [
    '',
    'g',
    '-1',
    '0x5',
    '5;',
    'FFFFFFFFFFFFFFFFF',
    '1'.repeat(40),
    '5 5',
    ' 5',
    '5\n',
    '\r\n',
    '0',
    '7fffffffffffffff',
    `5;x=${'y'.repeat(20_000)}`,
  ]
  return [
    ...lengths.map((length) =>
      raw(`Content-Length ${JSON.stringify(length)}`, upload([`Content-Length: ${length}`], body)),
    ),
    ...[36, 100, 1_000_000, 5_000_000].map((length) =>
      raw(`too large ${length}`, upload([`Content-Length: ${length}`], body)),
    ),
    raw('far too large', upload(['Content-Length: 900000000000000'], body), [413], false),
    ...Array.from(body, (_, length) => raw(`too small ${length}`, upload([`Content-Length: ${length}`], body))),
    ...[34, 35, 36].map((length) =>
      raw('two lengths', upload(['Content-Length: 35', `Content-Length: ${length}`], body)),
    ),
    ...encodings.flatMap((encoding) => [
      raw(
        `length and ${encoding}`,
        upload(
          ['Content-Length: 35', `Transfer-Encoding: ${encoding}`],
          `0\r\n\r\nDELETE /file/target HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`,
        ),
      ),
      raw(`encoding ${encoding}`, upload([`Transfer-Encoding: ${encoding}`], `zz\r\n${body}`)),
    ]),
    ...sizes.map((size) =>
      raw(`chunk size ${size.slice(0, 30)}`, upload(['Transfer-Encoding: chunked'], `${size}\r\n{"fil\r\n0\r\n\r\n`)),
    ),
    ...Array.from({ length: 60 }, () =>
      raw('chunked noise', `${upload(['Transfer-Encoding: chunked'], '')}${random.bytes(50).toString('latin1')}`),
    ),
    ...[',', ' ', 'x', '\0'].map((tail) =>
      raw('after the last chunk', upload(['Transfer-Encoding: chunked'], `2\r\n{}\r\n0\r\n${tail}`)),
    ),
  ]
}
