import { createLogger } from '@holdfast/shared/node/logger'
import { expect, test } from 'vitest'
import { connectDatabase } from '../../src/mongo/database.ts'

test('waits for a database that is not there until its signal fires', async () => {
  const ending = new AbortController()
  const waiting = connectDatabase('mongodb://127.0.0.1:1/holdfast', createLogger('test', 'silent'), ending.signal)
  setImmediate(() => ending.abort('over'))
  await expect(waiting).rejects.toBe('over')
})

test.each([
  ['mongodb://user:p@ss@127.0.0.1/x', 'is not a connection string'],
  ['mongodb://user:geheim/@127.0.0.1/x', 'is not a connection string'],
  ['mongodb://127.0.0.1:1/?nosuch=1', 'option nosuch is not supported'],
])('does not wait for %s, which no time makes right', async (url, problem) => {
  const waiting = connectDatabase(url, createLogger('test', 'silent'), AbortSignal.timeout(10_000))
  await expect(waiting).rejects.toThrow(problem)
  await expect(waiting).rejects.not.toThrow('geheim')
})
