import { describe, expect, it } from 'vitest'
import { findDescendants, parseCpuUs, roleOf, watchUsage } from '../../src/processes/usage.ts'

const isLinux = process.platform === 'linux'

describe('usage of processes', () => {
  it('reads CPU times although the name holds spaces and brackets', () => {
    const stat = '77 (a ) (b) c) S 1 77 77 0 -1 4194560 5401 12 0 725 200 34 6294 1046 20 0'
    expect(parseCpuUs(stat)).toBe(2_340_000)
  })

  it.each([
    ['holdfast manager', 'manager'],
    ['holdfast manager worker\0', 'manager'],
    ['holdfast file-server\0\0\0', 'file-server'],
    ['holdfast', 'launcher'],
    ['/opt/x/mongod\0--port\x001', 'mongod'],
    ['/usr/bin/node\0a.js', 'other'],
  ])('calls %j %s', (commandLine, role) => {
    expect(roleOf(commandLine)).toBe(role)
  })

  it.runIf(isLinux)('sees what this process burns, and how much memory it holds', async () => {
    const watch = await watchUsage([{ role: 'client', pid: process.pid }])
    const began = process.cpuUsage()
    while (process.cpuUsage(began).user < 100_000) Math.sqrt(Math.random())
    const [usage] = await watch.end()
    expect(usage).toMatchObject({ role: 'client', processCount: 1 })
    expect(usage?.cpuUs).toBeGreaterThanOrEqual(80_000)
    expect(usage?.peakRssBytes).toBeGreaterThan(20 * 1024 ** 2)
  })

  it.runIf(isLinux)(
    'finds a process among the descendants of its parent, and leaves out those that are gone',
    async () => {
      expect((await findDescendants(process.ppid)).map(({ pid }) => pid)).toContain(process.pid)
      const watch = await watchUsage([{ role: 'gone', pid: 2 ** 22 + 1 }])
      expect(await watch.end()).toEqual([])
    },
  )
})
