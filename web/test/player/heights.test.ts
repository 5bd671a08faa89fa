import { expect, test } from 'vitest'
import { heightsOf, LEAST } from '../../src/player/heights.ts'

test('the loudest stretch is as high as it can be, and silence is still seen', () => {
  expect(heightsOf({ data: [-64, 32, 0, 0, -1, 16] })).toEqual([1, LEAST, 0.25])
})

test('a file that is quiet all through is not drawn as if it were loud', () => {
  expect(heightsOf({ data: [-3, 3, -6, 2] })).toEqual([0.25, 0.5])
  expect(heightsOf({ data: [] })).toEqual([])
})
