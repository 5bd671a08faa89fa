import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { anyText } from '../../../test/any-text.ts'
import { countOf, testInFull } from '../../../test/full-run.ts'
import { chooseScanner } from '../../src/bodies/body-format.ts'
import { cut, failureOf, scan } from './scan.ts'
import { receive, startUploadServer, type UploadServer } from './upload-server.ts'

interface Hostile {
  readonly contentType: string
  readonly body: Buffer
}

const json = (text: string): Hostile => ({ contentType: 'application/json', body: Buffer.from(text, 'latin1') })
const form = (text: string): Hostile => ({
  contentType: 'application/x-www-form-urlencoded',
  body: Buffer.from(text, 'latin1'),
})
const multipart = (text: string, boundary = 'b'): Hostile => ({
  contentType: `multipart/form-data; boundary=${boundary}`,
  body: Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1'),
})
const part = (headers: string, content: string) => `--b\n${headers}\n\n${content}\n`
const named = (disposition: string, content: string) => part(`Content-Disposition: form-data; ${disposition}`, content)

const whole = '{"x":[1,{"y":null}],"filename":"name","file":"QUJDRA=="}'
const wholeForm = 'x=1&filename=na%6de&file=QUJDRA%3d%3d'
const wholeParts = `${named('name="filename"', 'a')}${named('name="file"; filename="x"', 'ABC')}--b--\n`

const badNames = [
  ...['\\u0000', '\\u001f', '\\u007f', '\\u0085', '\\u009f', '\\u200e', '\\u200f', '\\u202a', '\\u202e', '\\u2066'],
  ...['\\u2069', '\\u061c', '\\u2028', '\\u2029', '\\ufeff', '\\ud800', '\\udc00', '\\udfff\\ud800', '\\n', '\\r\\n'],
  ...['', 'a'.repeat(256), '\\u4e00'.repeat(86), '\\ud83d\\ude00'.repeat(64), '\\u0958'.repeat(43), '\xff', '\xc0\xaf'],
  ...['\xed\xa0\x80', '\xf4\x90\x80\x80', '\xe2\x82', '\t', '\x00', '\\x00', '\\', '\\u12', '\\u{41}', '\\v'],
]
const badValues = [
  '1',
  '-',
  'null',
  'true',
  'nul',
  '[]',
  '{}',
  '["QUJD"]',
  '{"$ne":1}',
  '',
  'NaN',
  'Infinity',
  "'QUJD'",
]
const badEnds = ['x', '}', ']', ',', '"', '{}', '\0', '\\', '//', '/**/', '[', 'null', ';', '\xff', '{"file":"QUJD"}']

const corpus: Hostile[] = [
  ...badNames.map((name) => json(`{"filename":"${name}","file":"QUJD"}`)),
  ...badNames.map((name) => json(`{"file":"QUJD","filename":"${name}"}`)),
  ...badValues.map((value) => json(`{"filename":"a","file":${value}}`)),
  ...badValues.map((value) => json(`{"file":"QUJD","filename":${value}}`)),
  ...badEnds.map((end) => json(whole + end)),
  ...Array.from(whole, (_, length) => json(whole.slice(0, length))),
  ...['{"filename":"a","file":"', '{"filename":"a","file":"\\u', '[', '{"a":', '{"'].map((start) =>
    json(start + '\\'.repeat(999)),
  ),
  ...[10, 40, 1_000, 65_000].map((depth) => json(`{"x":${'['.repeat(depth)}`)),
  ...[40, 1_000, 60_000].map((depth) => json(`{"x":${'{"x":'.repeat(depth)}1${'}'.repeat(depth)},"file":""}`)),
  json(`{"${'k'.repeat(70_000)}":1,"filename":"a","file":""}`),
  json(`{${'"k":1,'.repeat(20_000)}"filename":"a","file":""}`),
  json(`{"filename":"a","file":"","x":${'1'.repeat(70_000)}}`),
  ...[
    '%',
    '%2',
    '%zz',
    '%ff',
    '%00',
    '%c0%af',
    '%ed%a0%80',
    '%e2%80%ae',
    '',
    'a'.repeat(256),
    '%E4%B8%80'.repeat(86),
  ].map((name) => form(`file=QUJD&filename=${name}`)),
  ...['%', '%4', '%zz', '%00AAA', '%0aAAA', 'QUJ', 'Q', '====', 'AAA%'].map((file) => form(`filename=a&file=${file}`)),
  ...Array.from(wholeForm, (_, length) => form(wholeForm.slice(0, Math.min(length, wholeForm.indexOf('=QUJ'))))),
  ...['&', '=', '&&&&', '====', '=a', 'file', 'filename', 'a'.repeat(70_000), '&'.repeat(200), 'file=&file=', '\0'].map(
    form,
  ),
  ...['filename', 'file'].map((key) => form(`filename=a&file=QUJD&${key}=b`)),
  ...Array.from(wholeParts, (_, length) => multipart(wholeParts.slice(0, Math.min(length, wholeParts.length - 5)))),
  ...['', 'x', '--', '--b', '--b--', '--b\n', '--b\n\n', '--b\n--b\n--b--', '\n\n\n', '--b\n\n\n--b--\n'].map((body) =>
    multipart(body),
  ),
  multipart(`${named('name="file"; filename="x"', 'ABC')}${named('name="file"; filename="y"', 'ABC')}--b--`),
  multipart(`${named('name="filename"', '\xff')}${named('name="file"', 'QUJD')}--b--`),
  multipart(`${named('name="file"; filename="\xff"', 'ABC')}--b--`),
  multipart(`${named('name="file"; filename=""', 'ABC')}--b--`),
  multipart(`${named('name="file"; filename*=UTF-8\'\'%00', 'ABC')}--b--`),
  multipart(`${named('filename="x"', 'ABC')}--b--`),
  multipart(`${named('name="FILE"; filename="x"', 'ABC')}--b--`),
  multipart(`${part('Content-Disposition: attachment; name="file"; filename="x"', 'ABC')}--b--`),
  multipart(`${part('name="file"; filename="x"', 'ABC')}--b--`),
  multipart(`${part(`X: ${'x'.repeat(20_000)}\nContent-Disposition: form-data; name="file"; filename="x"`, 'A')}--b--`),
  multipart(`${part(`${'X: y\n'.repeat(200)}Content-Disposition: form-data; name="file"; filename="x"`, 'A')}--b--`),
  multipart(
    `${part('Content-Transfer-Encoding: base64\nContent-Disposition: form-data; name="file"; filename="x"', 'QUJD')}--b--`,
  ),
  multipart(`${named('name="x"', '').repeat(200)}${wholeParts}`),
  multipart(wholeParts, 'other'),
  multipart(wholeParts, ''),
  multipart(wholeParts, '"'),
  multipart(wholeParts, 'b'.repeat(10_000)),
  multipart(`--b\nContent-Disposition: form-data; name="file"; filename="x"\n${'x'.repeat(400_000)}`),
  ...[
    '',
    'application/xml',
    'multipart/form-data',
    'multipart/mixed; boundary=b',
    'application/json; charset=utf-7',
    '/',
    ';;;',
    '\t',
  ].map((contentType) => ({ contentType, body: Buffer.from('<x/>') })),
  json(`{"filename":"a","file":"${'A'.repeat(2_000)}"}`),
  form(`filename=a&file=${'%41'.repeat(2_000)}`),
  multipart(`${named('name="file"; filename="x"', 'A'.repeat(2_000))}--b--`),
]

const refusals = ['INVALID_REQUEST', 'TOO_LARGE', 'UNSUPPORTED_MEDIA']
const outcomeOf = ({ contentType, body }: Hostile, pieces = [body]) =>
  failureOf((async () => scan(chooseScanner({ 'content-type': contentType }, 1_000), pieces))())

test('the corpus has at least 200 different bodies', () => {
  expect(
    new Set(corpus.map(({ contentType, body }) => `${contentType} ${body.toString('latin1')}`)).size,
  ).toBeGreaterThan(200)
})

test('every hostile body is refused with 400, 413 or 415, however it is cut', async () => {
  for (const hostile of corpus) {
    const places = Array.from({ length: Math.min(hostile.body.length, 500) }, (_, index) => index)
    const outcomes = [await outcomeOf(hostile), await outcomeOf(hostile, cut(hostile.body, places))]
    for (const outcome of outcomes) {
      expect(refusals, `${hostile.contentType}: ${hostile.body.toString('latin1').slice(0, 200)}`).toContain(outcome)
    }
  }
}, 60_000)

let server: UploadServer
beforeAll(async () => {
  server = await startUploadServer(receive({ maxFileBytes: 1_000 }))
})
afterAll(() => server[Symbol.asyncDispose]())

testInFull(
  'a server answers each of them, and the next good request',
  async () => {
    for (const { contentType, body } of corpus) {
      const headers = { 'content-type': contentType, 'x-padding': '1' }
      const response = await fetch(server.url, { method: 'POST', headers, body: new Uint8Array(body) })
      expect(refusals).toContain(((await response.json()) as { error: string }).error)
    }
    const good = await fetch(server.url, { method: 'POST', body: whole })
    expect(await good.json()).toMatchObject({ name: 'name' })
  },
  60_000,
)

test.each([
  ['a chunk size that is no number', 'transfer-encoding: chunked\r\n\r\nzz\r\n{"file":'],
  ['a chunk that ends too early', 'transfer-encoding: chunked\r\n\r\n5\r\n{"fil'],
  ['a length that is never reached', 'content-length: 100\r\n\r\n{"file":"'],
])('survives %s', async (_, rest) => {
  const socket = connect(server.port, '127.0.0.1')
  socket.on('error', () => socket.destroy())
  socket.end(`POST /file HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${rest}`)
  expect(await text(socket).catch(() => '')).not.toContain('200 OK')
})

test('any bytes under any content type end with a file or a refusal', async () => {
  const property = fc.asyncProperty(
    fc.constantFrom(
      ...['application/json', 'application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=b'],
    ),
    fc.array(
      fc.oneof(
        fc.constantFrom(
          '{',
          '}',
          '"',
          '\\',
          '"file":"',
          '"filename":"',
          ',',
          'file=',
          '&',
          '%',
          'filename=',
          'QUJD',
          '\r\n',
        ),
        fc.constantFrom(
          '--b',
          '--b--',
          '\r\n\r\n',
          'Content-Disposition: form-data; name="file"',
          '; filename="x"',
          '\\u004',
        ),
        anyText({ maxLength: 5 }),
      ),
      { maxLength: 25 },
    ),
    fc.array(fc.nat(), { maxLength: 6 }),
    async (contentType, tokens, cuts) => {
      const body = Buffer.from(tokens.join(''))
      expect(['no error', ...refusals]).toContain(await outcomeOf({ contentType, body }, cut(body, cuts)))
    },
  )
  await fc.assert(property, { numRuns: countOf(3_000, 500) })
}, 60_000)
