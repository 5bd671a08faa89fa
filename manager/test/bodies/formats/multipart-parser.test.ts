import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MultipartParser } from '../../../src/bodies/formats/multipart-parser.ts'
import { cut, everyByte } from '../scan.ts'

interface Field {
  readonly headers: Record<string, string>
  readonly content: string
}

/** Gathers the fields that a body is cut into, the last one too where it does not end. */
function fieldsOf(pieces: readonly Buffer[]): { fields: Field[]; ends: number; isComplete: boolean } {
  const fields: { headers: Record<string, string>; content: string }[] = []
  let ends = 0
  const parser = new MultipartParser('b', (headers) => {
    const field = { headers: Object.fromEntries(headers), content: '' }
    fields.push(field)
    return {
      add: (bytes) => {
        field.content += bytes.toString('latin1')
      },
      end: () => {
        ends++
      },
    }
  })
  for (const piece of pieces) parser.push(piece)
  return { fields, ends, isComplete: parser.isComplete }
}

const refusal = expect.objectContaining({ name: 'INVALID_REQUEST' })

test.each([
  ['no field', '--b--', []],
  ['a field', '--b\r\nA: b\r\n\r\nc\r\n--b--\r\n', [{ headers: { a: 'b' }, content: 'c' }]],
  ['a preamble and an epilogue', 'x\r\n--b\r\nA: b\r\n\r\nc\r\n--b--x\r\n--b', [{ headers: { a: 'b' }, content: 'c' }]],
  ['padding after a boundary', '--b \t\r\nA: b\r\n\r\nc\r\n--b--', [{ headers: { a: 'b' }, content: 'c' }]],
  ['no headers', '--b\r\n\r\nc\r\n--b--', [{ headers: {}, content: 'c' }]],
  ['no content', '--b\r\nA: b\r\n\r\n\r\n--b--', [{ headers: { a: 'b' }, content: '' }]],
  ['a header on two lines', '--b\r\nA: b\r\n\tc\r\n\r\n\r\n--b--', [{ headers: { a: 'b c' }, content: '' }]],
  ['a header twice', '--b\r\nA: b\r\na: c\r\n\r\n\r\n--b--', [{ headers: { a: 'b' }, content: '' }]],
  [
    'almost a boundary',
    '--b\r\n\r\n\r\n--a\r--b\n--b\r\r\n\r\n--b--',
    [{ headers: {}, content: '\r\n--a\r--b\n--b\r\r\n' }],
  ],
])('cuts a body with %s', (_, body, fields) => {
  const expected = { fields, ends: fields.length, isComplete: true }
  expect(fieldsOf([Buffer.from(body)])).toEqual(expected)
  expect(fieldsOf(everyByte(Buffer.from(body)))).toEqual(expected)
})

test.each([
  '',
  '--b',
  '--b-',
  '--b\r',
  '--b\r\nA: b\r\n',
  '--b\r\n\r\nc',
  '--b\r\n\r\nc\r\n--b',
  '--b\r\n\r\nc--b--',
  '--c--',
])('is not complete after %j', (body) => {
  expect(fieldsOf(everyByte(Buffer.from(body))).isComplete).toBe(false)
})

test.each([
  ['something after a boundary', '--bc\r\n'],
  ['a line without a colon', '--b\r\nnothing\r\n\r\n'],
  ['a header without a name', '--b\r\n: a\r\n\r\n'],
  ['a bare line break', '--b\r\nA: b\nC: d\r\n\r\n'],
  ['headers without an end', `--b\r\nA: ${'x'.repeat(8_200)}`],
  ['headers that are too long', `--b\r\nA: ${'x'.repeat(8_200)}\r\n\r\n`],
  ['too many headers', `--b\r\n${'A: b\r\n'.repeat(21)}\r\n`],
  ['too many fields', '--b\r\n\r\n\r\n'.repeat(101)],
])('refuses %s', (_, body) => {
  expect(() => fieldsOf([Buffer.from(body)])).toThrow(refusal)
  expect(() => fieldsOf(everyByte(Buffer.from(body)))).toThrow(refusal)
})

test('gives back any contents without the delimiter, at any cut', () => {
  const content = fc
    .array(fc.constantFrom('\r', '\n', '\r\n', '-', '--', 'b', '\r\n-', '\r\n--', 'x', '\0'), { maxLength: 12 })
    .map((pieces) => pieces.join(''))
    .filter((text) => !`\r\n${text}\r\n`.includes('\r\n--b'))
  const property = fc.property(
    fc.array(content, { maxLength: 5 }),
    fc.array(fc.nat(), { maxLength: 8 }),
    (all, cuts) => {
      const body = Buffer.from(`${all.map((text) => `--b\r\nN: x\r\n\r\n${text}\r\n`).join('')}--b--`)
      expect(fieldsOf(cut(body, cuts)).fields.map((field) => field.content)).toEqual(all)
    },
  )
  fc.assert(property, { numRuns: 2_000 })
})
