import type { IncomingHttpHeaders } from 'node:http'
import { parseFileName } from '@holdfast/shared/file-name'
import { expect, test } from 'vitest'
import { chooseUploadFormat } from '../../src/bodies/upload-format.ts'

const now = new Date('2026-11-29T05:30:07.123Z')
const given = parseFileName('dir/own')
const choose = (headers: IncomingHttpHeaders, name: typeof given | null = null) =>
  chooseUploadFormat(headers, name, now)
const raw = (name: string) => ({ kind: 'raw', name })
const form = 'application/x-www-form-urlencoded'
const withName = (disposition: string) => ({ 'content-disposition': disposition })

test.each<[string, IncomingHttpHeaders, typeof given | null, object]>([
  ['multipart', { 'content-type': 'Multipart/Form-Data; boundary=x' }, null, { kind: 'multipart' }],
  ['multipart with a name', { 'content-type': 'multipart/form-data; boundary=x' }, given, { kind: 'multipart' }],
  ['a form', { 'content-type': form }, null, { kind: 'form' }],
  ['a form with a charset', { 'content-type': `${form};charset=UTF-8` }, null, { kind: 'form' }],
  ['what curl --data-binary sends to a name in the query', { 'content-type': form }, given, raw('dir/own')],
  ['a name by header', { 'content-type': form, ...withName('attachment; filename="a b.txt"') }, null, raw('a b.txt')],
  ['a name with a path', withName('attachment; filename="C:\\dir\\a.txt"'), null, raw('a.txt')],
  ['a name in UTF-8', withName("inline; filename=x; filename*=UTF-8''%e2%82%ac%2fb%c3%bc"), null, raw('bü')],
  ['a name in the query before one by header', withName('attachment; filename=a'), given, raw('dir/own')],
  ['a disposition without a name', withName('attachment'), null, raw('upload-20261129T053007Z.bin')],
  ['JSON', { 'content-type': 'application/json' }, null, raw('upload-20261129T053007Z.json')],
  ['an image', { 'content-type': 'IMAGE/PNG; x=y' }, null, raw('upload-20261129T053007Z.png')],
  ['no type', {}, null, raw('upload-20261129T053007Z.bin')],
  ['octets', { 'content-type': 'application/octet-stream' }, null, raw('upload-20261129T053007Z.bin')],
  ['an unknown type', { 'content-type': 'x/../../y' }, null, raw('upload-20261129T053007Z.bin')],
  ['a name of the prototype', { 'content-type': '__proto__/constructor' }, null, raw('upload-20261129T053007Z.bin')],
  ['a long type', { 'content-type': `a/${'b'.repeat(9_000)}` }, null, raw('upload-20261129T053007Z.bin')],
])('chooses for %s', (_, headers, name, expected) => {
  expect(choose(headers, name)).toEqual(expected)
})

test.each([
  'attachment; filename="',
  'attachment; filename=""',
  'attachment; filename="dir/"',
  "a; filename*=x''a",
  'a; filename=".."',
  'a; filename="a\u0000b"',
])('refuses the disposition %j', (disposition) => {
  expect(() => choose(withName(disposition))).toThrow(expect.objectContaining({ name: 'INVALID_REQUEST' }))
})
