import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { faultOf } from '../../src/player/fault-of.ts'

beforeEach(
  () => void vi.stubGlobal('MediaError', { MEDIA_ERR_NETWORK: 2, MEDIA_ERR_DECODE: 3, MEDIA_ERR_SRC_NOT_SUPPORTED: 4 }),
)
afterEach(() => void vi.unstubAllGlobals())

test('a connection that breaks is lost, and a decoder that fails is not, without asking', async () => {
  vi.stubGlobal('fetch', () => expect.unreachable())
  expect(await faultOf({ code: 2 }, '/file/a.mp3')).toBe('lost')
  expect(await faultOf({ code: 3 }, '/file/a.mp3')).toBe('other')
})

test.each([
  [200, 'other'],
  [404, 'gone'],
  [503, 'lost'],
])('what a browser calls an unknown format is seen by the status %i of the store', async (status, fault) => {
  const asked = vi.fn(async () => new Response(null, { status }))
  vi.stubGlobal('fetch', asked)
  expect(await faultOf({ code: 4 }, '/file/a.mp3')).toBe(fault)
  expect(asked).toHaveBeenCalledWith('/file/a.mp3', { method: 'HEAD' })
})

test('a store that does not answer is out of reach', async () => {
  vi.stubGlobal('fetch', async () => Promise.reject(new TypeError('network error')))
  expect(await faultOf({ code: 4 }, '/file/a.mp3')).toBe('lost')
})
