import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { isAlive, parseRunFile } from '@holdfast/launcher/data/run-file'
import { describe, expect, test } from 'vitest'

const run = {
  pid: 1,
  managerUrl: 'http://127.0.0.1:8000',
  clusterSecret: 's',
  fileServersDirectory: '/d',
  mongoUrl: 'mongodb://h/d',
}

describe('the run file', () => {
  test('is read as it was written', () => {
    expect(parseRunFile(JSON.stringify(run))).toEqual(run)
  })

  test.each(['', 'null', '[]', '{"pid":1}', '{"pid":', JSON.stringify({ ...run, pid: '1' })])(
    'is nothing when it is %j',
    (text) => {
      expect(parseRunFile(text)).toBeNull()
    },
  )

  test('tells a living process from a dead one', async () => {
    const child = spawn(process.execPath, ['-e', ''])
    await once(child, 'exit')
    expect(isAlive(child.pid ?? 0)).toBe(false)
    expect(isAlive(process.pid)).toBe(true)
  })
})
