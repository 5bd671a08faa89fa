import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countOf } from '../../../../test/full-run.ts'
import { FormFileScanner } from '../../../src/bodies/formats/form-file-scanner.ts'
import { cut, everyByte, failureOf, fileName, scan } from '../scan.ts'

const scanForm = (text: string, maxFileBytes = 1_000_000) =>
  scan(new FormFileScanner(maxFileBytes), everyByte(Buffer.from(text)))

test.each([
  ['the name first', 'filename=a&file=QUJD'],
  ['the file first', 'file=QUJD&filename=a'],
  ['escaped keys', '%66ile=QUJD&f%69lename=%61'],
  ['an escaped file', 'file=%51UJ%44&filename=a'],
  ['other fields', 'x=1&file=QUJD&y&filename=a&z=%zz&&'],
])('reads a form with %s', async (_, body) => {
  expect(await scanForm(body)).toEqual({ name: 'a', encoding: 'base64', bytes: Buffer.from('QUJD') })
})

test('takes an empty value for an empty file', async () => {
  expect((await scanForm('file=&filename=a')).bytes).toEqual(Buffer.alloc(0))
})

test('keeps a plus sign in the file, escaped or not, and reads one in the name as a space', async () => {
  const { name, bytes } = await scanForm('file=%2B+%2bA/%2F%3D=&filename=a+b%2Bc')
  expect(bytes.toString()).toBe('+++A//==')
  expect(name).toBe('a b+c')
})

test.each([
  ['nothing', ''],
  ['no file', 'filename=a'],
  ['no filename', 'file=QUJD'],
  ['a file without a value', 'filename=a&file'],
  ['a filename without a value', 'file=QUJD&filename'],
  ['an empty filename', 'file=QUJD&filename='],
  ['two files', 'file=QUJD&file=QUJD&filename=a'],
  ['two files, one in escapes', 'file=QUJD&%66ile=QUJD&filename=a'],
  ['two filenames', 'filename=a&file=QUJD&filename=a'],
  ['a bad escape in the file', 'filename=a&file=%4'],
  ['an escape of no hex in the file', 'filename=a&file=%zzAAAA'],
  ['an escape cut by the next field', 'file=AAA%4&filename=a'],
  ['an escape beyond base64 in the file', 'filename=a&file=AAA%0A'],
  ['a bad escape in the name', 'filename=%&file=QUJD'],
  ['a name that is not UTF-8', 'filename=%ff&file=QUJD'],
  ['a name with half a surrogate pair', 'filename=%ed%a0%80&file=QUJD'],
  ['a name with a control character', 'filename=a%00&file=QUJD'],
  ['a name with a byte order mark', 'filename=%ef%bb%bfa&file=QUJD'],
  ['a name of 256 bytes', `filename=${'a'.repeat(256)}&file=QUJD`],
  ['a key without end', 'k'.repeat(1_000)],
  ['a key that is not UTF-8', '%ff=1&filename=a&file=QUJD'],
  ['base64 of a wrong length', 'filename=a&file=QUJ'],
  ['too many fields', `${'x=1&'.repeat(101)}filename=a&file=QUJD`],
  ['too much beside the file', `x=${'x'.repeat(66_000)}&filename=a&file=QUJD`],
])('refuses a form with %s', async (_, body) => {
  expect(await failureOf(scanForm(body))).toBe('INVALID_REQUEST')
})

test.each([
  ['wrapped lines', 'filename=a&file=AAAA%0AAAA='],
  ['lines of another system', 'filename=a&file=AAAA%0D%0AAAAA'],
  ['a line break as it is', 'filename=a&file=AAAA\nAAAA'],
])('says of %s that base64 goes in one line', async (_, body) => {
  await expect(scanForm(body)).rejects.toMatchObject({ detail: expect.stringContaining('in one line: base64 -w0') })
})

test('refuses a file over the limit as soon as its characters say so', () => {
  const scanner = new FormFileScanner(3)
  scanner.push(Buffer.from('file=AAAA'))
  expect(() => scanner.push(Buffer.from('%41'))).toThrow('File is too large')
})

test('reads what URLSearchParams wrote, at any order and cut', async () => {
  const property = fc.asyncProperty(
    fc.uint8Array({ maxLength: 60 }),
    fileName,
    fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 5 }), fc.string({ unit: 'grapheme' }), { maxKeys: 4 }),
    fc.array(fc.nat(), { maxLength: 12 }),
    fc.nat(),
    async (file, filename, others, cuts, shift) => {
      const base64 = Buffer.from(file).toString('base64')
      const fields: [string, string][] = [...Object.entries(others), ['file', base64], ['filename', filename]]
      const turned = [...fields.slice(shift % fields.length), ...fields.slice(0, shift % fields.length)]
      const body = Buffer.from(new URLSearchParams(turned).toString())
      const scanned = await scan(new FormFileScanner(60), cut(body, cuts))
      expect(scanned.bytes.toString()).toBe(base64)
      expect(scanned.name).toBe(filename.normalize('NFC'))
    },
  )
  await fc.assert(property, { numRuns: countOf(1_000, 200) })
})
