import { describe, expect, it } from 'vitest'
import { ResponseReader } from '../../src/load/response-reader.ts'

const answer = (body: string, status = '200 OK', headers = `Content-Length: ${body.length}`) =>
  Buffer.from(`HTTP/1.1 ${status}\r\nX-Request-Id: a\r\n${headers}\r\n\r\n${body}`)
const bytes = (text: string) => {
  const content = Buffer.from(text)
  return { sizeBytes: content.length, pieceAt: (offset: number) => content.subarray(offset, offset + 2) }
}

function readerOf(status: number, body: ReturnType<typeof bytes> | null = null): ResponseReader {
  const reader = new ResponseReader()
  reader.expect({ status, body })
  return reader
}

describe('ResponseReader', () => {
  it('reads an answer that comes byte by byte', () => {
    const reader = readerOf(200, bytes('holdfast'))
    const whole = answer('holdfast')
    const results = Array.from(whole, (_, index) => reader.push(whole.subarray(index, index + 1)))
    expect(results.indexOf(true)).toBe(whole.length - 1)
  })

  it('keeps a half head although the memory it came in is used again', () => {
    const reader = readerOf(201)
    const whole = answer('{}', '201 Created')
    const memory = Buffer.from(whole.subarray(0, 10))
    expect(reader.push(memory)).toBe(false)
    memory.fill(0)
    expect(reader.push(whole.subarray(10))).toBe(true)
  })

  it('reads one answer after the other', () => {
    const reader = readerOf(200, bytes('first'))
    expect(reader.push(answer('first'))).toBe(true)
    reader.expect({ status: 200, body: bytes('second') })
    expect(reader.push(answer('second'))).toBe(true)
  })

  it.each([
    [
      'another status, and tells its body',
      readerOf(201),
      answer('{"code":1}', '503 Service Unavailable'),
      '503 {"code":1}',
    ],
    ['wrong bytes', readerOf(200, bytes('holdfast')), answer('holdfest'), 'wrong bytes'],
    ['another length', readerOf(200, bytes('holdfast')), answer('holdfas'), '7 bytes instead of 8'],
    ['more than it has', readerOf(200), answer('holdfast', '200 OK', 'Content-Length: 4'), 'more bytes'],
    ['no length', readerOf(200), answer('', '200 OK', 'Transfer-Encoding: chunked'), 'without a length'],
    ['something that is not HTTP/1.1', readerOf(200), Buffer.from('SSH-2.0-x\r\n\r\n'), 'without a length'],
    ['a head without an end', readerOf(200), Buffer.alloc(20_000, 97), 'without an end'],
    ['bytes that nobody asked for', new ResponseReader(), answer('x'), 'nobody asked'],
  ])('refuses %s', (_, reader, chunk, message) => {
    expect(() => reader.push(chunk)).toThrow(message)
  })
})
