import type { AppContext } from './request-context.ts'

/** This text is HTML, in which all that came from outside is escaped. */
export interface Html {
  readonly html: string
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Tags a template whose values are escaped, unless they are HTML themselves. Attributes have to stand in quotes. */
export function html(
  strings: TemplateStringsArray,
  ...values: readonly (string | number | Html | readonly Html[])[]
): Html {
  return { html: strings.reduce((text, string, index) => text + rendered(values[index - 1] ?? '') + string) }
}

function rendered(value: string | number | Html | readonly Html[]): string {
  if (Array.isArray(value)) return value.map(rendered).join('')
  if (typeof value === 'object') return (value as Html).html
  return String(value).replace(/[&<>"']/g, (character) => escapes[character] ?? '')
}

/** @returns whether a person has gone there with a browser, rather than a program that takes anything */
export function wantsHtml(ctx: AppContext): boolean {
  ctx.vary('Accept')
  return ctx.accepts('json', 'html') === 'html'
}
