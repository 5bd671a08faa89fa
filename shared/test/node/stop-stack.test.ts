import { expect, test } from 'vitest'
import { startStopping } from '../../src/node/stop-stack.ts'

test('what was started is stopped in reverse, each before the next, also where one fails', async () => {
  const stopped: string[] = []
  const service = await startStopping(async (stops) => {
    stops.add(() => stopped.push('first'))
    stops.add(async () => {
      await null
      stopped.push('second')
      throw new Error('the second')
    })
    stops.add(async () => {
      await null
      stopped.push('third')
    })
    return { url: 'here' }
  })
  expect([service.url, stopped]).toEqual(['here', []])
  await expect(service.close()).rejects.toThrow('the second')
  expect(stopped).toEqual(['third', 'second', 'first'])
  await service.close()
  expect(stopped).toHaveLength(3)
})

test('a start that fails stops what it had started, and its own error is what is thrown', async () => {
  const stopped: string[] = []
  const starting = startStopping(async (stops) => {
    stops.add(() => stopped.push('first'))
    stops.add(() => {
      throw new Error('of the stop')
    })
    throw new Error('of the start')
  })
  await expect(starting).rejects.toThrow('of the start')
  expect(stopped).toEqual(['first'])
})
