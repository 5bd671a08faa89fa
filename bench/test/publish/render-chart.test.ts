import { describe, expect, it } from 'vitest'
import { renderChart } from '../../src/publish/render-chart.ts'
import { exampleResult } from './example-result.ts'

const chart = renderChart(exampleResult)

describe('renderChart', () => {
  it('draws bars in proportion to the rates, the longest one in full', () => {
    const widths = [...chart.matchAll(/<rect class="(\w+)"[^>]* width="([\d.]+)" height="13"/g)].map(
      ([, system, width]) => [system, Number(width)] as const,
    )
    const small = new Map(widths.slice(0, 3))
    expect(small.get('holdfast')).toBe(440)
    expect((small.get('holdfast') ?? 0) / (small.get('gridfs') ?? 1)).toBeCloseTo(3, 1)
    expect((small.get('holdfast') ?? 0) / (small.get('node') ?? 1)).toBeCloseTo(2, 1)
  })

  it('shows the cells with the most clients, and nothing that is not side by side', () => {
    expect(chart.match(/>upload 4 KiB, 64 clients</g)).toHaveLength(1)
    expect(chart).not.toContain('1 client')
    expect(chart).not.toContain('100,000 files')
  })

  it('escapes what a machine calls itself', () => {
    expect(chart).toContain('A &#60;fast&#62; &#38; quiet one')
    expect(chart).not.toContain('<fast>')
  })

  it('has colours of its own for dark pages, and says what it shows to those who do not see it', () => {
    expect(chart).toContain('prefers-color-scheme: dark')
    expect(chart).toMatch(/role="img" aria-label="[^"]+"/)
  })
})
