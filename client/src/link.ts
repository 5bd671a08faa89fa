import { isLinkId, type LinkId } from '@holdfast/shared/ids'

/** Whoever has the link of a share can read it. */
export interface Link {
  /** It is the address of a manager, or null where the link is only an id. */
  readonly baseUrl: string | null
  readonly id: LinkId
}

/**
 * @param text is a link such as `http://127.0.0.1:8000/download/<id>`, or its id of 32 hex digits.
 * @returns null where it is something else.
 */
export function parseLink(text: string): Link | null {
  const [, baseUrl = null, id] = /^(?:(https?:\/\/.+)\/download\/)?([0-9a-f]{32})$/i.exec(text) ?? []
  return isLinkId(id) ? { baseUrl, id } : null
}

/** Makes a share's id, which nobody can guess: 32 hex digits. */
export function randomLink(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
