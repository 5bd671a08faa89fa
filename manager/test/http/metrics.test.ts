import { expect, test } from 'vitest'
import { renderMetrics } from '../../src/http/metrics.ts'

test('figures are written as Prometheus reads them', () => {
  const text = renderMetrics([
    { name: 'a_total', kind: 'counter', help: 'What\nis \\ counted.', samples: [{ value: 3 }] },
    {
      ...{ name: 'b', kind: 'gauge', help: 'Empty "or" not.' },
      samples: [
        { labels: { one: 'a "b"\n', two: '\\' }, value: 0.5 },
        { labels: {}, value: 1e21 },
      ],
    },
    { name: 'c', kind: 'gauge', help: 'None.', samples: [] },
  ])
  expect(text).toBe(`# HELP a_total What\\nis \\\\ counted.
# TYPE a_total counter
a_total 3
# HELP b Empty "or" not.
# TYPE b gauge
b{one="a \\"b\\"\\n",two="\\\\"} 0.5
b 1e+21
# HELP c None.
# TYPE c gauge
`)
})
