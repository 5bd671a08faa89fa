import { type Html, html } from '../../http/html.ts'
import type { FileDescription } from '../file-exchange/file-description.ts'
import { sizeText } from '../file-exchange/plain-page.ts'

/** Shows where the files are that a form has just stored. */
export function plainLinks(files: readonly FileDescription[], origin: string): Html {
  return html`<p>Whoever has a link can download the file. Keep the links: this store lists them nowhere.</p>
<ul class="card links">${files.map(
    ({ name, url, size, expiresAt }) => html`
<li><a href="${url}">${name}</a> <small>${sizeText(size)}${expiresAt === null ? '' : `, expires ${dateText(expiresAt)}`}</small>
<input readonly value="${origin}${url}" aria-label="Link to ${name}"></li>`,
  )}
</ul>
<p><a href="/">Store more files</a></p>`
}

function dateText(iso: string): string {
  return `${iso.slice(0, 10)} at ${iso.slice(11, 16)} UTC`
}
