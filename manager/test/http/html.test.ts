import { expect, test } from 'vitest'
import { html, wantsHtml } from '../../src/http/html.ts'
import { serve } from './http-fixture.ts'

test('what is put into HTML is escaped, unless it is HTML itself', () => {
  const inner = ['<i>', 'a & b'].map((text) => html`<li title="${text}">${text}</li>`)
  expect(html`<ul class="${`"'`}">${inner}${3}</ul>`.html).toBe(
    '<ul class="&quot;&#39;"><li title="&lt;i&gt;">&lt;i&gt;</li><li title="a &amp; b">a &amp; b</li>3</ul>',
  )
})

test.each([
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'true'],
  ['*/*', 'false'],
  ['application/json', 'false'],
  ['application/json, text/html;q=0.5', 'false'],
])('who accepts %s wants HTML: %s', async (accept, expected) => {
  const { url } = await serve((router) => {
    router.get('/', (ctx) => {
      ctx.body = String(wantsHtml(ctx))
    })
  })
  const answer = await fetch(url, { headers: { accept } })
  expect([await answer.text(), answer.headers.get('vary')]).toEqual([expected, 'Accept'])
})
