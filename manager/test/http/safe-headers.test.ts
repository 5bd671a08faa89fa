import fc from 'fast-check'
import { lookup } from 'mime-types'
import { expect, test } from 'vitest'
import { safeHeaders } from '../../src/http/safe-headers.ts'

const dispositionOf = (name: string, type: string): string => safeHeaders(name, type)['Content-Disposition'] ?? ''

test.each([
  'image/png',
  'image/jpeg',
  'audio/mpeg',
  'audio/x-wav',
  'video/mp4',
  'text/plain',
  'text/plain; charset=utf-8',
])('%s is shown in the browser', (type) => {
  expect(dispositionOf('a', type)).toMatch(/^inline;/)
})

test.each([
  'text/html',
  'text/html; charset=utf-8',
  'application/xhtml+xml',
  'image/svg+xml',
  'application/pdf',
  'application/xml',
  'text/xml',
  'text/javascript',
  'application/octet-stream',
  'multipart/x-mixed-replace',
  'text/plainly',
  'TEXT/HTML',
  'image/png,text/html',
  '',
])('%j is for saving only', (type) => {
  expect(dispositionOf('a', type)).toMatch(/^attachment;/)
})

test.each([
  ['notes.txt', 'filename=notes.txt'],
  ['a/b/c.png', 'filename=c.png'],
  ['say "hi".txt', 'filename="say \\"hi\\".txt"'],
  ['folder/', 'filename=file'],
  ['../../etc/passwd', 'filename=passwd'],
])('%j is offered as %s', (name, expected) => {
  expect(dispositionOf(name, 'application/zip')).toContain(expected)
})

test('a name beyond ASCII travels in full', () => {
  expect(dispositionOf('naïve €.txt', 'text/plain')).toContain("filename*=UTF-8''na%C3%AFve%20%E2%82%AC.txt")
})

test('no type that a browser runs something of is ever shown, whatever the name', () => {
  for (const ending of ['html', 'htm', 'xhtml', 'svg', 'xml', 'xsl', 'js', 'mjs', 'pdf', 'swf', 'mht', 'xht', 'css']) {
    expect(dispositionOf(`x.${ending}`, lookup(ending) || 'application/octet-stream'), ending).toMatch(/^attachment;/)
  }
})

test('whatever the name, the headers are legal and stay on their lines', () => {
  const property = fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (name) => {
    const headers = safeHeaders(name, 'text/plain; charset=utf-8')
    for (const value of Object.values(headers)) expect(value).toMatch(/^[\x20-\x7e\xa0-\xff]*$/)
    expect(headers).toMatchObject({ 'X-Content-Type-Options': 'nosniff' })
    expect(headers['Content-Security-Policy']).toContain('sandbox')
  })
  fc.assert(property, { numRuns: 300 })
})
