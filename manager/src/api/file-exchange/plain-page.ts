import { type Html, html } from '../../http/html.ts'
import type { AppContext } from '../../http/request-context.ts'

/** Plain pages use these files of the built page, too. */
export interface PageLinks {
  readonly stylesheet: string | null
  readonly icon: string | null
}

/** These headers go with every page: nothing comes from elsewhere, nobody frames it, and the names of files stay here. */
export const pageHeaders = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  // A form that is sent without an origin would be taken for another site's.
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
} as const

const PLAIN_POLICY =
  "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/** Answers with a page that needs no scripts. */
export function sendPlainPage(ctx: AppContext, links: PageLinks, { title, body }: { title: string; body: Html }): void {
  ctx.set({ ...pageHeaders, 'Content-Security-Policy': PLAIN_POLICY, 'Cache-Control': 'no-store' })
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Holdfast</title>
${links.icon === null ? html`` : html`<link rel="icon" href="${links.icon}">`}
${links.stylesheet === null ? html`` : html`<link rel="stylesheet" href="${links.stylesheet}">`}
</head>
<body class="plain">
<header><a class="brand" href="/">Holdfast</a></header>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`
  ctx.body = page.html
}

const expiries = [
  ['', 'Never'],
  ['1h', 'After 1 hour'],
  ['1d', 'After 1 day'],
  ['7d', 'After 7 days'],
  ['30d', 'After 30 days'],
] as const

/** Sends files without scripts. The field stands before them, so that it is known when they come. */
export const uploadForm = html`<form class="card" method="post" action="/upload" enctype="multipart/form-data">
<p><label for="expires">Links expire</label>
<select id="expires" name="expires">${expiries.map(([value, text]) => html`<option value="${value}">${text}</option>`)}</select></p>
<p><label for="file">Files</label> <input id="file" type="file" name="file" multiple required></p>
<p><button class="primary" type="submit">Upload</button></p>
</form>`

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** @returns a size for people, such as `1.4 MiB` */
export function sizeText(bytes: number): string {
  const power = bytes === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** power
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`
}
