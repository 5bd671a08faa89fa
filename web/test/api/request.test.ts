import { afterEach, expect, test, vi } from 'vitest'
import { requestText } from '../../src/api/request.ts'

afterEach(() => void vi.unstubAllGlobals())

test('an answer whose body breaks off is no empty success', async () => {
  const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError('network error')) })
  vi.stubGlobal('fetch', async () => new Response(body))
  await expect(requestText('/files')).rejects.toMatchObject({ status: 0, message: 'The store cannot be reached' })
})
