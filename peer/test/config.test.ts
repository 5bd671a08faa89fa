import { describe, expect, test } from 'vitest'
import { configOf } from '../src/config.ts'

/** The example of the document. */
const example = {
  self: { service: '../data/test1', host: '0.0.0.0', port: 1000 },
  tracker: { host: 'http://0.0.0.0', port: 5000 },
}

test("reads the document's example, whose paths start from the file", () => {
  expect(configOf(example, '/home/me/cfgs/cfg.json')).toEqual({
    directory: '/home/me/data/test1',
    host: '0.0.0.0',
    port: 1000,
    tracker: 'http://127.0.0.1:5000',
  })
})

test.each([
  ['https://tracker.example', 443, 'https://tracker.example'],
  ['tracker.example', 8000, 'http://tracker.example:8000'],
  ['http://[::]/', 8000, 'http://[::1]:8000'],
])('a tracker at %s and %d is %s', (host, port, origin) => {
  expect(configOf({ ...example, tracker: { host, port } }, 'cfg.json').tracker).toBe(origin)
})

describe('refuses in a sentence', () => {
  test.each<[string, object, string]>([
    ['a field that it does not know', { ...example, selfish: 1 }, 'selfish is not a field'],
    ['a field within', { ...example, self: { ...example.self, name: 'x' } }, 'self.name is not a field'],
    ['a port that is none', { ...example, self: { ...example.self, port: 70_000 } }, 'self.port'],
    ['a host by name', { ...example, self: { ...example.self, host: 'evil.example' } }, 'self.host'],
    ['no tracker', { self: example.self }, 'tracker'],
    ['a tracker that is no address', { ...example, tracker: { host: 'http://', port: 1 } }, 'no address of a tracker'],
  ])('%s', (_, json, sentence) => {
    expect(() => configOf(json, 'cfg.json')).toThrow(
      expect.objectContaining({ name: 'PeerError', message: expect.stringContaining(sentence) }),
    )
  })
})
