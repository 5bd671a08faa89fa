import type { IconName } from '../ui/icons.tsx'

export type PreviewKind = 'image' | 'video' | 'audio' | 'pdf' | 'text' | 'none'

const texts =
  /^(text\/|(application|image)\/([\w.-]+\+)?(json|xml|yaml|toml)\b|application\/(x-)?(javascript|ecmascript|typescript|sh|sql|yaml|x-httpd-php|node|ndjson|graphql)\b)/

/**
 * Says how a file is shown. A browser runs nothing of pictures, SVG ones too where they are shown by `img`. HTML is shown as the text
 * that it is.
 */
export function previewKindOf(contentType: string): PreviewKind {
  const type = contentType.toLowerCase()
  if (/^image\/(png|jpeg|gif|webp|avif|bmp|svg\+xml|x-icon|vnd\.microsoft\.icon)\b/.test(type)) return 'image'
  if (type.startsWith('video/')) return 'video'
  if (type.startsWith('audio/')) return 'audio'
  if (/^application\/pdf\b/.test(type)) return 'pdf'
  return texts.test(type) ? 'text' : 'none'
}

export function iconOf(contentType: string): IconName {
  const kind = previewKindOf(contentType)
  if (kind !== 'none') return kind
  return /zip|tar|compressed|archive|gzip|x-7z|x-rar/.test(contentType) ? 'archive' : 'file'
}
