import { create } from 'content-disposition'

/** A browser shows these types without running anything of them. The rest, HTML, SVG, XML and PDF too, is for saving only. */
const shownInline = /^(image\/(png|jpeg|gif|webp|avif|bmp)|audio\/[\w.+-]+|video\/[\w.+-]+|text\/plain)(;|$)/

/** Makes headers that keep a stored file from acting in the name of this site, whatever it holds. */
export function safeHeaders(name: string, contentType: string): Record<string, string> {
  const type = shownInline.test(contentType) ? 'inline' : 'attachment'
  const fileName = name.slice(name.lastIndexOf('/') + 1)
  return {
    'Content-Type': contentType,
    'Content-Disposition': create(fileName === '' ? 'file' : fileName, { type }),
    'Content-Security-Policy': "sandbox; default-src 'none'",
    'Cross-Origin-Resource-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
  }
}
