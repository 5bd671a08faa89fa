import { expect, test } from 'vitest'
import type { FileServer, Upkeep } from '../../src/api/answers.ts'
import { serversOf } from '../../src/cluster/known-servers.ts'

const heard = (name: string, zone: string): FileServer => ({
  ...{ id: name, name, zone, state: 'active', lastPingAt: '2026-01-01T00:00:00Z' },
  ...{ files: 0, bytes: 0, freeBytes: 1, totalBytes: 2 },
})
const upkeep = (fileServers: Partial<Upkeep['fileServers']>): Upkeep => ({
  loops: [],
  chunks: null,
  fileServers: { lost: [], ...fileServers },
})
const shown = (servers: ReturnType<typeof serversOf>) => servers.map(({ name, kind }) => `${name} ${kind}`)

test('file-servers stand by zone and name, and one that is gone stays as not heard from', () => {
  const before = serversOf([heard('10', 'a'), heard('9', 'a'), heard('1', 'b')], null, [])
  expect(shown(before)).toEqual(['9 heard', '10 heard', '1 heard'])
  expect(shown(serversOf([heard('9', 'a')], null, before))).toEqual(['9 heard', '10 silent', '1 silent'])
})

test('what upkeep knows is shown from the first look on, and a file-server that is back is heard', () => {
  const silent = [{ id: '2', name: '2', zone: 'a', lastHeardAt: '2026-01-01T00:00:00Z' }]
  const lost = [{ id: '3', name: '3', zone: 'a', lostAt: '2026-01-01T00:00:00Z' }]
  const first = serversOf([heard('1', 'a')], upkeep({ silent, lost }), [])
  expect(shown(first)).toEqual(['1 heard', '2 silent', '3 lost'])
  expect(shown(serversOf([heard('2', 'a')], upkeep({ silent, lost }), first))).toEqual([
    '1 silent',
    '2 heard',
    '3 lost',
  ])
})
