import { afterEach, expect, test, vi } from 'vitest'
import { requestText } from '../../src/api/request.ts'

afterEach(() => void vi.unstubAllGlobals())

test('an answer whose body breaks off is no empty success', async () => {
  const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError('network error')) })
  vi.stubGlobal('fetch', async () => new Response(body))
  await expect(requestText('/files')).rejects.toMatchObject({ status: 0, message: 'The store cannot be reached' })
})

test('whoever asks can end a request, also in a browser that cannot join signals', async () => {
  vi.stubGlobal('AbortSignal', { timeout: undefined, any: undefined })
  vi.stubGlobal('fetch', (_path: string, { signal }: { signal: AbortSignal }) => {
    if (signal.aborted) return Promise.reject(signal.reason)
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  })
  const asking = new AbortController()
  const answer = requestText('/files', { signal: asking.signal })
  asking.abort()
  await expect(answer).rejects.toMatchObject({ status: 0 })
  await expect(requestText('/files', { signal: asking.signal })).rejects.toMatchObject({ status: 0 })
})
