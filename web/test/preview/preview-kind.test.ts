import { expect, test } from 'vitest'
import { previewKindOf } from '../../src/preview/preview-kind.ts'

test.each([
  ['image/png', 'image'],
  ['image/svg+xml', 'image'],
  ['image/tiff', 'none'],
  ['video/mp4', 'video'],
  ['audio/mpeg', 'audio'],
  ['application/pdf', 'pdf'],
  ['text/html; charset=utf-8', 'text'],
  ['application/xhtml+xml', 'text'],
  ['application/json', 'text'],
  ['application/javascript', 'text'],
  ['application/octet-stream', 'none'],
  ['application/zip', 'none'],
  ['multipart/x-mixed-replace; boundary=x', 'none'],
])('%s is shown as %s', (type, kind) => {
  expect(previewKindOf(type)).toBe(kind)
})
