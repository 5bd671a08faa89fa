import { describe, expect, test } from 'vitest'
import { errorFromAnswer } from '../src/answer-error.ts'

describe('errorFromAnswer', () => {
  test('takes the name and the detail from the body', () => {
    const error = errorFromAnswer(400, '{"code":5,"error":"INVALID_REQUEST","detail":"filename must be a string"}')
    expect(error).toMatchObject({ name: 'INVALID_REQUEST', detail: 'filename must be a string' })
  })

  test.each([
    [502, '<html>Bad Gateway</html>', 'SERVERS_UNAVAILABLE'],
    [413, '', 'TOO_LARGE'],
    [404, 'null', 'ROUTE_NOT_FOUND'],
    [500, '{"error":"__proto__"}', 'INTERNAL'],
    [418, '[]', 'INTERNAL'],
  ])('makes the best of a %i that is not ours', (status, body, name) => {
    expect(errorFromAnswer(status, body)).toMatchObject({ name, detail: `HTTP ${status}` })
  })
})
