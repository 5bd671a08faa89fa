import { isCommandLineOf, isZombie } from '@holdfast/launcher/mongod/stale-mongod'
import { describe, expect, test } from 'vitest'

const line = (...words: string[]) => `${words.join('\0')}\0`

describe('a mongod that was left behind', () => {
  test.each([
    [line('mongod', '--port', '1', '--dbpath', '/data/mongo/db'), true],
    [line('mongod', '--dbpath=/data/mongo/db'), true],
    [line('mongod', '--dbpath', '/data/mongo/db2'), false],
    [line('vi', '/data/mongo/db'), false],
    ['', false],
  ])('is told by its command line: %j', (commandLine, expected) => {
    expect(isCommandLineOf(commandLine, '/data/mongo/db')).toBe(expected)
  })

  test('is gone as a zombie', () => {
    expect(isZombie('12 (mongod) Z 1 12')).toBe(true)
    expect(isZombie('12 (a) Z b) S 1 12')).toBe(false)
  })
})
