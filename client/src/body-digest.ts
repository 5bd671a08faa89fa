/**
 * Makes the header by which the manager can tell whether a body arrived as it was sent (RFC 9530).
 * @returns nothing where there is no Web Crypto, as in pages that came over plain HTTP.
 */
export async function contentDigest(body: Uint8Array<ArrayBuffer>): Promise<Record<string, string>> {
  // Types know of no place without it.
  const crypto = globalThis.crypto as Partial<typeof globalThis.crypto> | undefined
  if (crypto?.subtle === undefined) return {}
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', body))
  return { 'content-digest': `sha-256=:${btoa(String.fromCharCode(...digest))}:` }
}
