import { createLogger } from '@holdfast/shared/node/logger'
import { expect, test } from 'vitest'
import { connectDatabase } from '../../src/mongo/database.ts'

test('waits for a database that is not there until its signal fires', async () => {
  const ending = new AbortController()
  const waiting = connectDatabase('mongodb://127.0.0.1:1/holdfast', createLogger('test', 'silent'), ending.signal)
  setImmediate(() => ending.abort('over'))
  await expect(waiting).rejects.toBe('over')
})
