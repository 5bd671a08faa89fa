import { type Html, html } from '../../http/html.ts'
import { sizeText, uploadForm } from '../file-exchange/plain-page.ts'
import type { FileList, ListQuery } from './files.operations.ts'

const columns = [
  ['name', 'Name'],
  ['size', 'Size'],
  ['date', 'Stored'],
] as const

/** Shows a page of the list to a browser without scripts, with a form to store more and links to sort, search and go on. */
export function plainList({ files, next }: FileList, query: ListQuery): Html {
  return html`${uploadForm}
<form class="card" method="get" action="/files" role="search">
<p><label for="q">Search by name</label> <input id="q" type="search" name="q" value="${query.q}"> <button type="submit">Search</button></p>
</form>
${files.length === 0 ? html`<p>No file ${query.q === '' ? 'with a name is stored yet' : 'has this in its name'}.</p>` : tableOf(files, query)}
${next === null ? html`` : html`<p><a href="${addressOf(query, { cursor: next })}" rel="next">Next page</a></p>`}`
}

function tableOf(files: FileList['files'], query: ListQuery): Html {
  return html`<table>
<thead><tr>${columns.map(([sort, text]) => html`<th scope="col"><a href="${addressOf(query, { sort })}">${text}</a></th>`)}</tr></thead>
<tbody>${files.map(
    ({ name, url, size, uploadedAt }) => html`
<tr><td><a href="${url}">${name}</a></td><td>${sizeText(size)}</td><td>${uploadedAt.slice(0, 10)}</td></tr>`,
  )}
</tbody>
</table>`
}

/** A column that the list is in the order of already is turned round. */
function addressOf(
  { q, prefix, sort, order, limit }: ListQuery,
  wish: { sort?: ListQuery['sort']; cursor?: string },
): string {
  const turned = wish.sort === sort && order === 'asc' ? 'desc' : 'asc'
  const parameters = {
    ...(q !== '' && { q }),
    ...(prefix !== '' && { prefix }),
    sort: wish.sort ?? sort,
    order: wish.sort === undefined ? order : turned,
    limit: String(limit),
    ...(wish.cursor !== undefined && { cursor: wish.cursor }),
  }
  return `/files?${new URLSearchParams(parameters)}`
}
