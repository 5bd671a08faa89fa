import { decodeBase64 } from '@holdfast/shared/node/base64-decoder'

/** Decodes a small field of a JSON body, also without its padding and with white space around it. @throws INVALID_REQUEST */
export function decodeBase64Field(field: string): Buffer {
  const text = field.trim().replace(/=+$/, '')
  return decodeBase64(Buffer.from(text.padEnd(Math.ceil(text.length / 4) * 4, '=')))
}
