import { expect, test } from 'vitest'
import { isAbout, siblingsOf, type WorkerState } from '../../src/workers/worker-messages.ts'

const state = (ownPort: number, fileServerCount: number): WorkerState => ({
  kind: 'state',
  url: `http://127.0.0.1:${ownPort}`,
  ownPort,
  isServing: true,
  fileServerCount,
})

test('siblings are told by address, in order, with the most file-servers that one of them has', () => {
  expect(siblingsOf([state(9_002, 1), state(9_001, 3)])).toEqual({
    kind: 'siblings',
    urls: ['http://127.0.0.1:9001', 'http://127.0.0.1:9002'],
    mostFileServers: 3,
  })
  expect(siblingsOf([])).toEqual({ kind: 'siblings', urls: [], mostFileServers: 0 })
})

test.each([null, undefined, 'taken', 1, {}, { kind: 'other' }])('%j is neither a state nor siblings', (message) => {
  expect([isAbout(message, 'state'), isAbout(message, 'siblings')]).toEqual([false, false])
})
