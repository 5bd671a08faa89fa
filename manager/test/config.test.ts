import { expect, test } from 'vitest'
import { requireReplicas } from '../src/config.ts'

test('an upload cannot be made to wait for more replicas than a chunk has', () => {
  requireReplicas({ replicas: 2, minReplicas: 2 })
  expect(() => requireReplicas({ replicas: 2, minReplicas: 3 })).toThrow('MIN_REPLICAS=3 is more than REPLICAS=2')
})
