import { describe, expect, it } from 'vitest'
import { GroupedSync } from '../../../src/store/disk/grouped-sync.ts'

/** Makes an fsync whose calls end when the test says so. */
function controlledSync() {
  const calls: { directory: string; end: (error?: Error) => void }[] = []
  const grouped = new GroupedSync(
    (directory) =>
      new Promise((resolve, reject) => {
        calls.push({ directory, end: (error) => (error === undefined ? resolve() : reject(error)) })
      }),
  )
  return { grouped, calls }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('GroupedSync', () => {
  it('lets those who come during an fsync share the next one, not the running one', async () => {
    const { grouped, calls } = controlledSync()
    const ended: string[] = []
    const ask = (name: string) => grouped.sync('d').then(() => ended.push(name))
    const all = [ask('first'), ask('second'), ask('third')]
    expect(calls).toHaveLength(1)
    calls[0]?.end()
    await turn()
    expect(ended).toEqual(['first'])
    expect(calls).toHaveLength(2)
    all.push(ask('fourth'))
    calls[1]?.end()
    await turn()
    expect(ended).toEqual(['first', 'second', 'third'])
    expect(calls).toHaveLength(3)
    calls[2]?.end()
    await Promise.all(all)
    expect(ended).toEqual(['first', 'second', 'third', 'fourth'])
  })

  it('syncs different directories side by side', () => {
    const { grouped, calls } = controlledSync()
    void grouped.sync('a')
    void grouped.sync('b')
    expect(calls.map((call) => call.directory)).toEqual(['a', 'b'])
  })

  it('never asks again for a directory that failed, and says so to everyone', async () => {
    const { grouped, calls } = controlledSync()
    const first = grouped.sync('d')
    const second = grouped.sync('d')
    calls[0]?.end(new Error('EIO'))
    await expect(first).rejects.toThrow('EIO')
    await expect(second).rejects.toThrow('EIO')
    await expect(grouped.sync('d')).rejects.toThrow('EIO')
    expect(calls).toHaveLength(1)
  })

  it('asks again for a directory that could not be opened for want of file descriptors', async () => {
    const { grouped, calls } = controlledSync()
    const first = grouped.sync('d')
    calls[0]?.end(Object.assign(new Error('too many'), { code: 'EMFILE' }))
    await expect(first).rejects.toThrow('too many')
    const second = grouped.sync('d')
    expect(calls).toHaveLength(2)
    calls[1]?.end()
    await second
  })
})
