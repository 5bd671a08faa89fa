import { describe, expect, it } from 'vitest'
import { renderPage } from '../../src/publish/render-page.ts'
import { exampleResult } from './example-result.ts'

describe('renderPage', () => {
  it('tells commit, machine and date, and shows the chart', () => {
    const page = renderPage(exampleResult)
    for (const fact of [
      '0123456789',
      'A <fast> & quiet one, 2 cores',
      '8 GiB',
      'ext4 with a journal',
      'Node v20.20.2',
      '-- --image --publish',
      '2026-11-21',
    ])
      expect(page).toContain(fact)
    expect(page).toContain('](performance.svg)')
  })

  it('has a section for every part that was measured, and none for others', () => {
    const page = renderPage(exampleResult)
    expect(page.match(/^## .+$/gm)).toEqual([
      ...['## Side by side', '## Two replicas', '## A lost file-server', '## A swarm', '## More files'],
      ...['## Announces', '## Songs by their words', '## A large library of audio', '## Jobs', '## What it costs'],
    ])
    const nothing = {
      cells: [],
      fills: [],
      heals: [],
      swarms: [],
      asks: [],
      queues: [],
      announces: [],
      searches: [],
      failures: [],
    }
    expect(renderPage({ ...exampleResult, ...nothing })).not.toContain('\n## ')
  })
})
